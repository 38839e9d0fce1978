"""The `pretrain` command; each subcommand lives in a `cli_*.py` that is imported when it is called.

Results go to stdout, everything else to stderr. Exit 0 done, 1 failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import os
from importlib import import_module

import click

COMMANDS = {
    "data": ("pretrain.cli_data", "Raw code in, a clean corpus out: dedup, filters, decontamination."),
    "tokenizer": ("pretrain.cli_tokenizer", "Train a byte-level BPE tokenizer on a corpus."),
    "pack": ("pretrain.cli_pack", "Tokenize a corpus into shards."),
    "plan": ("pretrain.cli_plan", "Tokens, memory, disk and time a preset will need."),
    "train": ("pretrain.cli_train", "Pretrain: warm-up and constant learning rate."),
    "anneal": ("pretrain.cli_train", "Branch from a stable checkpoint: new mixture, falling learning rate."),
    "export": ("pretrain.cli_export", "A checkpoint as a Hugging Face model folder, or GGUF."),
    "eval": ("pretrain.cli_export", "Bits per byte on held-out text, and base-mode pass@k."),
    "sweep": ("pretrain.cli_sweep", "A small scaling curve over depths."),
    "report": ("pretrain.cli_report", "One page about a run of the whole chain."),
}
"""Command -> its module and its line of help, so that `--help` imports none of them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of the chain."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported; `None` where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, "eval_" if cmd_name == "eval" else cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Nothing; the list of commands is written without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="opencook")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def cli() -> None:
    """From raw code to a base model: corpus, tokenizer, shards, pretraining, annealing, export."""
    # Waiting threads sleep instead of spinning: on cores shared with other work several times as fast.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main() -> None:
    """Nothing; the console script."""
    cli()


if __name__ == "__main__":
    main()
