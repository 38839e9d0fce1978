"""The loop, one property at a time, on a real model, tokenizer and shards."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oven import Oven, Trainer, read_steps, tiny

torch = pytest.importorskip("torch")

from pretrain.distributed import World  # noqa: E402
from pretrain.errors import CheckpointError, DivergenceError, ShardError  # noqa: E402
from pretrain.phase import anneal_phase, stable_phase  # noqa: E402
from pretrain.run import start_run  # noqa: E402
from pretrain.train import take_step  # noqa: E402

pytestmark = pytest.mark.train

PhaseMaker = Callable[..., Any]


def started(phase: Any) -> Any:
    return start_run(phase, World(rank=0, size=1, device=torch.device("cpu")), None, time.monotonic())


def one_step(run: Any) -> dict[str, Any]:
    batch = run.reader.read(run.step)
    return take_step(run, batch, batch.num_targets)


def losses(records: list[dict[str, Any]]) -> list[float]:
    return [record["loss"] for record in records]


def test_it_learns(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    learnt = losses(train_here(make_phase(steps=40, train__save_every_steps=100), tmp_path))
    assert learnt[0] == pytest.approx(5.7, abs=0.1)  # ln 300: nothing is known yet
    assert learnt[-1] < 2.5


def test_an_interrupted_run_repeats_the_uninterrupted_one_bit_for_bit(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    whole = train_here(make_phase(steps=6), tmp_path / "whole")
    train_here(make_phase(steps=3), tmp_path / "parts")
    assert train_here(make_phase(steps=6), tmp_path / "parts") == whole


def test_accumulating_four_micro_batches_is_one_of_four(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    four = train_here(make_phase(train__micro_batch=1), tmp_path / "four")
    one = train_here(make_phase(train__micro_batch=4), tmp_path / "one")
    assert losses(four) == pytest.approx(losses(one), rel=1e-6)


def test_evaluating_does_not_touch_the_training(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    often = train_here(make_phase(train__evaluate_every_steps=1), tmp_path / "often")
    assert often == train_here(make_phase(), tmp_path / "seldom")


def test_recomputing_activations_changes_nothing(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    recomputed = train_here(make_phase(steps=3, train__activation_checkpointing=True), tmp_path / "recomputed")
    assert recomputed == train_here(make_phase(steps=3), tmp_path / "kept")


def test_the_loss_is_the_mean_over_all_targets_of_the_step(make_phase: PhaseMaker) -> None:
    run = started(make_phase())
    batch = run.reader.read(0)
    nats = 0.0
    with torch.no_grad():
        for part in batch.micro_batches:
            starts = (part["position_ids"] == 0).long().cumsum(dim=1)
            same = starts[:, None, :, None] == starts[:, None, None, :]
            mask = same & torch.ones(32, 32, dtype=torch.bool).tril()
            bias = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
            logits = run.model(part["input_ids"], attention_mask=bias, position_ids=part["position_ids"]).logits
            nats += float(
                torch.nn.functional.cross_entropy(logits.flatten(0, 1), part["labels"].flatten(), reduction="sum")
            )
    assert take_step(run, batch, batch.num_targets)["loss"] == pytest.approx(nats / batch.num_targets, rel=1e-6)


def test_an_update_is_adamw_by_the_book(make_phase: PhaseMaker) -> None:
    run = started(make_phase(schedule__warmup_steps=0, optimizer__max_grad_norm=1e9))
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    one_step(run)
    for name, parameter in run.model.named_parameters():
        kept = 1 - 1e-2 * (0.1 if parameter.ndim >= 2 else 0.0)  # decay on matrices only
        moment = run.optimizer.state[parameter]["exp_avg"] / (1 - 0.9)
        expected = before[name] * kept - 1e-2 * moment / (moment.abs() + 1e-8)
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-4, atol=1e-6)


def test_gradients_are_clipped_and_their_norm_is_that_before(make_phase: PhaseMaker) -> None:
    run = started(make_phase(optimizer__max_grad_norm=0.01))
    assert one_step(run)["grad_norm"] > 1
    moments = [state["exp_avg"] / (1 - 0.9) for state in run.optimizer.state.values()]
    assert float(torch.cat([m.flatten() for m in moments]).norm()) == pytest.approx(0.01, rel=1e-3)


def test_a_spike_leaves_weights_and_optimizer_as_they_were(make_phase: PhaseMaker) -> None:
    run = started(make_phase())
    one_step(run)
    weights = [p.detach().clone() for p in run.model.parameters()]
    moments = [state["exp_avg"].clone() for state in run.optimizer.state.values()]
    run.guard.restore({"loss": [1.0] * 64, "grad_norm": [1.0] * 64})
    record = one_step(run)
    assert record["skipped"]
    assert record["step"] == 2
    assert all(map(torch.equal, weights, run.model.parameters()))
    assert all(map(torch.equal, moments, [state["exp_avg"] for state in run.optimizer.state.values()]))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=2), tmp_path)
    run = started(make_phase())
    with torch.no_grad():
        run.model.model.norm.weight[0] = float("nan")
    with pytest.raises(DivergenceError, match="step 1: loss and gradient norm must be finite, got nan and nan"):
        one_step(run)
    assert (tmp_path / "checkpoints/step-00000002/meta.json").is_file()


# while torch traces and compiles, its own
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_layers_follow_plain_ones(make_phase: PhaseMaker) -> None:
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    settings = {"model__width": 16, "model__head_dim": 8, "model__ffn": 32}
    plain, compiled = started(make_phase(**settings)), started(make_phase(**settings, train__compile=True))
    assert [one_step(compiled)["loss"] for _ in range(3)] == pytest.approx(
        [one_step(plain)["loss"] for _ in range(3)], rel=1e-5
    )


def test_without_a_compiler_it_trains_uncompiled_and_says_so_once(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    plain = train_here(make_phase(steps=2), tmp_path / "plain")
    capsys.readouterr()
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert train_here(make_phase(steps=2, train__compile=True), tmp_path / "asked") == plain
    said = [line for line in capsys.readouterr().err.splitlines() if "compile" in line]
    assert said == [
        "train.compile: no C++ compiler here, so training is uncompiled and slower; install g++ (or name one in CXX), "
        "or set train.compile=false"
    ]


def test_the_learning_rate_is_the_schedules(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    rates = [record["learning_rate"] for record in train_here(make_phase(steps=4), tmp_path)]
    assert rates == [0.005, 0.01, 0.01, 0.01]


def test_bf16_follows_fp32(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    fp32 = losses(train_here(make_phase(steps=3), tmp_path / "fp32"))
    assert losses(train_here(make_phase(steps=3, train__precision="bf16"), tmp_path / "bf16")) == pytest.approx(
        fp32, rel=5e-3
    )


def annealing(oven: Oven, start: Path, **settings: Any) -> Any:
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    return anneal_phase(start, shards=[oven.shards, oven.synth], overrides=overrides)


def test_annealing_goes_on_with_step_optimizer_and_a_falling_rate(
    oven: Oven, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=4), tmp_path / "stable")
    records = train_here(annealing(oven, tmp_path / "stable"), tmp_path / "anneal")
    assert [record["step"] for record in records] == [5, 6, 7]
    ratio = (1e-4 / 1e-2) ** (1 / 3)  # geometric, over three steps
    assert [record["learning_rate"] for record in records] == pytest.approx([1e-2 * ratio**k for k in (1, 2, 3)])
    run = started(annealing(oven, tmp_path / "stable"))
    assert {int(state["step"]) for state in run.optimizer.state.values()} == {4}


def test_an_interrupted_annealing_repeats_itself(
    oven: Oven, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=4), tmp_path / "stable")
    phase = annealing(oven, tmp_path / "stable", train__save_every_steps=1)
    whole = train_here(phase, tmp_path / "anneal")
    (tmp_path / "anneal/manifest.json").unlink()
    for gone in ("step-00000007",):  # as if it had been killed before this one
        (tmp_path / "anneal/checkpoints" / gone / "meta.json").unlink()
    assert train_here(phase, tmp_path / "anneal") == whole


def test_an_annealing_folder_belongs_to_the_run_it_branched_from(
    oven: Oven, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=2), tmp_path / "one")
    both = stable_phase(tiny(steps=2), shards=[oven.shards, oven.synth], tokenizer=oven.tokenizer)
    train_here(both, tmp_path / "other")
    train_here(annealing(oven, tmp_path / "one"), tmp_path / "anneal")
    with pytest.raises(CheckpointError, match="another run: from_run "):
        train_here(annealing(oven, tmp_path / "other"), tmp_path / "anneal")


def test_an_annealed_checkpoint_is_not_annealed_again(
    oven: Oven, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=2), tmp_path / "stable")
    train_here(annealing(oven, tmp_path / "stable"), tmp_path / "anneal")
    with pytest.raises(CheckpointError, match="already annealed"):
        annealing(oven, tmp_path / "anneal")


def test_annealing_another_model_names_the_difference(
    oven: Oven, make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=2), tmp_path)
    with pytest.raises(CheckpointError, match=r"another config: model.layers 2 -> 3"):
        annealing(oven, tmp_path, model__layers=3)


def test_a_mixture_source_without_data_is_named(make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="no data for mixture source 'rust'"):
        train_here(make_phase(data__mixture={"rust": 1.0}), tmp_path)


def test_a_vocabulary_larger_than_the_models_is_named(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    with pytest.raises(ShardError, match="vocabulary of 300 is larger than the model's of 256"):
        train_here(make_phase(model__vocab_size=256), tmp_path)


def test_other_settings_in_the_same_folder_are_named(
    make_phase: PhaseMaker, train_here: Trainer, tmp_path: Path
) -> None:
    train_here(make_phase(steps=2), tmp_path)
    with pytest.raises(CheckpointError, match=r"another run: optimizer.learning_rate 0.01 -> 0.02; --restart"):
        train_here(make_phase(steps=4, optimizer__learning_rate=0.02), tmp_path)
    assert len(train_here(make_phase(steps=3, optimizer__learning_rate=0.02), tmp_path, restart=True)) == 3


def test_other_shards_in_the_same_folder_are_named(oven: Oven, train_here: Trainer, tmp_path: Path) -> None:
    preset = tiny(steps=2)
    train_here(stable_phase(preset, shards=[oven.shards], tokenizer=oven.tokenizer), tmp_path)
    with pytest.raises(CheckpointError, match="shard synth none -> "):
        train_here(stable_phase(preset, shards=[oven.shards, oven.synth], tokenizer=oven.tokenizer), tmp_path)
    assert len(read_steps(tmp_path)) == 2
