"""The figures of a run of the chain in words and tables; the page and the terminal print the same ones from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pretrain.plan_show import short_count
from pretrain.run_facts import StageFacts, number, numbers

MAX_TEXT = 4_000
"""Characters of one sample or answer that are shown."""
MAX_SAMPLES = 12
"""Evaluations whose samples are shown: first, last and some between."""
TRAINED = ("pretrain", "anneal")
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}


def headline(facts: Mapping[str, StageFacts]) -> list[tuple[str, str, str]]:
    """Name, value and note of the figures at the top, those that are known."""
    pretrain = facts["pretrain"].manifest
    parameters = number(pretrain, "parameters")
    tokens = number(pretrain, "tokens")
    loss = bits(facts["anneal"], "last") or bits(facts["pretrain"], "last")
    first = bits(facts["pretrain"], "first")
    pass_at_1 = number(facts["eval/chat-stage2"].manifest, "pass_at_1")
    rate, mfu = number(pretrain, "tokens_per_s"), number(pretrain, "mfu")
    told = [
        ("parameters", None if parameters is None else short_count(parameters), ""),
        ("tokens, stable phase", None if tokens is None else short_count(tokens), ""),
        (
            "held-out bits per byte",
            None if loss is None else f"{loss:.3f}",
            "" if first is None else f"{first:.3f} untrained",
        ),
        ("tokens per second", None if rate is None else f"{rate:,.0f}", "" if mfu is None else f"{mfu:.0%} MFU"),
        ("HumanEval pass@1, chat", None if pass_at_1 is None else f"{pass_at_1:.1%}", ""),
        ("time of all stages", duration(total_seconds(facts)) or None, ""),
    ]
    return [(name, value, note) for name, value, note in told if value is not None]


def key_figure(stage: StageFacts) -> str:
    """What a stage came to in a few words; empty where it does not say."""
    manifest = stage.manifest
    kept = number(manifest, "funnel", "kept")
    if stage.name == "corpus":
        total = number(manifest, "funnel", "files")
        return "" if kept is None or total is None else f"{kept:,.0f} of {total:,.0f} files kept"
    if kept is not None:
        seeds = number(manifest, "funnel", "seeds")
        return f"{kept:,.0f} rows kept" + ("" if seeds is None else f" of {seeds:,.0f} seeds")
    if stage.name in TRAINED:
        first, last = bits(stage, "first"), bits(stage, "last")
        return "" if last is None else f"{'' if first is None else f'{first:.3f} → '}{last:.3f} bits per byte"
    first_loss, last_loss = number(manifest, "result", "first_loss"), number(manifest, "result", "last_loss")
    if first_loss is not None and last_loss is not None:
        return f"loss {first_loss:.3f} → {last_loss:.3f}"
    score = number(manifest, "pass_at_1")
    if score is not None:
        return f"pass@1 {score:.1%}"
    tokens = number(manifest, "tokens")
    if tokens is not None:
        return f"{tokens:,.0f} tokens"
    size = number(manifest, "inputs", "vocab_size")
    return "" if size is None else f"{size:,.0f} entries"


def bits(stage: StageFacts, when: str) -> float | None:
    """Held-out bits per byte over all languages at the stage's `first` or `last` evaluation.

    A stage that has no manifest yet is asked by its metrics.
    """
    told = number(stage.manifest, "heldout_bits_per_byte", when, "all")
    if told is not None:
        return told
    found = [number(record, "heldout_bits_per_byte", "all") for record in stage.metrics]
    known = [value for value in found if value is not None]
    return (known[0] if when == "first" else known[-1]) if known else None


def funnel_rows(corpus: StageFacts) -> list[tuple[str, str, float]]:
    """Label, count and share of all files: files in, each drop reason, files kept."""
    total, kept = number(corpus.manifest, "funnel", "files"), number(corpus.manifest, "funnel", "kept")
    if not total or kept is None:
        return []
    dropped = numbers(corpus.manifest, "funnel", "dropped")
    rows = [("files", f"{total:,.0f}", 1.0)]
    rows += [(reason, f"−{count:,.0f}", count / total) for reason, count in dropped.items() if count]
    return [*rows, ("kept", f"{kept:,.0f}", kept / total)]


def fertility_table(tokenizer: StageFacts) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Names of the tokenizers, and per language the bytes that a token of each covers."""
    found = tokenizer.manifest.get("fertility")
    languages = found if isinstance(found, Mapping) else {}
    names: dict[str, None] = {}
    for row in languages.values():
        names |= dict.fromkeys(str(key) for key in row) if isinstance(row, Mapping) else {}
    table = []
    for language, row in languages.items():
        values = [number(row, name, "bytes_per_token") for name in names]
        table.append((str(language), ["" if value is None else f"{value:.2f}" for value in values]))
    return list(names), table


def learnt_rows(facts: Mapping[str, StageFacts]) -> list[tuple[str, str, str]]:
    """What, figure and note: from the untrained model to pass@1, as far as it is known.

    In training, the same small amount of every language is measured; the evaluation measures all that is held out, of
    which most is in a few languages. Their figures are each other's only within one of the two.
    """
    evaluation = facts["eval"].manifest
    in_training = {
        "untrained": bits(facts["pretrain"], "first"),
        "after the stable phase": bits(facts["pretrain"], "last"),
        "after annealing": bits(facts["anneal"], "last"),
    }
    evaluated = {**baselines(facts["eval"]), "base model": number(evaluation, "heldout_bits_per_byte", "all")}
    rows = _bits_rows("a sample of each language", in_training) + _bits_rows("all held-out text", evaluated)
    for way in ("greedy", "sampled"):
        for who, share in numbers(evaluation, "valid_python", way).items():
            rows.append((f"valid Python, {way}, {who}", f"{share:.0%}", "of held-out functions completed"))
    score = number(evaluation, "benchmark", "pass_at_1")
    if score is not None:
        rows.append(("HumanEval pass@1, base model", f"{score:.1%}", ""))
    return rows + _chat_rows(facts)


def _bits_rows(text: str, figures: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    untrained = figures.get("untrained")
    rows = []
    for name, figure in figures.items():
        if figure is not None:
            note = f"{figure / untrained:.0%} of the untrained" if untrained and name != "untrained" else ""
            rows.append((f"bits per byte of {text}, {name}", f"{figure:.3f}", note))
    return rows


CHAT_SHARES = {
    "stopped_share": "ends its answer",
    "fenced_share": "answers with a code block",
    "has_code_share": "defines the function asked for",
}
"""Shares of its answers in chat mode, by their names in the manifest."""


def _chat_rows(facts: Mapping[str, StageFacts]) -> list[tuple[str, str, str]]:
    rows = []
    for stage, name in (("eval/chat-base", "base model"), ("eval/chat-stage2", "after fine-tuning")):
        for key, label in CHAT_SHARES.items():
            share = number(facts[stage].manifest, key)
            if share is not None:
                rows.append((f"{label}, {name}", f"{share:.0%}", ""))
        score = number(facts[stage].manifest, "pass_at_1")
        if score is not None:
            rows.append((f"HumanEval pass@1 in chat, {name}", f"{score:.1%}", ""))
    return rows


def baselines(evaluation: StageFacts) -> dict[str, float]:
    """Name -> bits per byte over all languages of each baseline that `pretrain eval --baseline` measured."""
    told = evaluation.manifest.get("baselines")
    found = {str(name): number(told, name, "all") for name in told} if isinstance(told, Mapping) else {}
    return {name: figure for name, figure in found.items() if figure is not None}


def language_table(evaluation: StageFacts) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Names of the model and its baselines, and per language the bits per byte of each."""
    told = evaluation.manifest.get("baselines")
    columns = {"base model": numbers(evaluation.manifest, "heldout_bits_per_byte")}
    columns |= {str(name): numbers(told, name) for name in told} if isinstance(told, Mapping) else {}
    rows = []
    for language in columns["base model"]:
        values = [column.get(language) for column in columns.values()]
        rows.append((language, ["" if value is None else f"{value:.3f}" for value in values]))
    return list(columns), rows


def samples_over_time(facts: Mapping[str, StageFacts]) -> list[tuple[str, list[str]]]:
    """`pretrain, step 200` and the texts that the model wrote then; thinned, first and last kept."""
    found = []
    for name in TRAINED:
        for record in facts[name].metrics:
            texts = record.get("samples")
            if isinstance(texts, list) and texts:
                step = number(record, "step")
                when = f"{name}, step {'?' if step is None else f'{step:.0f}'}"
                found.append((when, [_sample_text(text) for text in texts]))
    if len(found) > MAX_SAMPLES:
        found = [found[index * (len(found) - 1) // (MAX_SAMPLES - 1)] for index in range(MAX_SAMPLES)]
    return found


def total_seconds(facts: Mapping[str, StageFacts]) -> float | None:
    """Of every stage that says how long it took; `None` where none does."""
    told = [stage.seconds for stage in facts.values() if stage.seconds is not None]
    return sum(told) if told else None


def duration(seconds: float | None) -> str:
    """`12 s`, `3.5 min`, `2.1 h`; empty for `None`."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sample_text(sample: Any) -> str:
    if isinstance(sample, Mapping):
        sample = "".join(str(sample.get(key, "")) for key in ("prompt", "completion"))
    return visible(str(sample)[:MAX_TEXT])


def visible(text: str) -> str:
    """The text with control characters as their pictures, so that a page can hold it."""
    return text.translate(PICTURES)
