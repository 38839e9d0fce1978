from __future__ import annotations

import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pretrain.attention import attend, attend_at_once, find_documents, packed_kernel  # noqa: E402
from pretrain.config import ModelConfig  # noqa: E402
from pretrain.loss import IGNORED, cross_entropy_sum, hidden_states, loss_sum  # noqa: E402
from pretrain.model import build_model  # noqa: E402

pytestmark = pytest.mark.train

CONFIG = ModelConfig(layers=2, width=64, heads=4, kv_heads=2, head_dim=16, ffn=176, vocab_size=512, context=48)
STARTS = {0: [0], 1: [0, 7, 30], 2: [0, 1, 2, 47]}
"""Of the documents in each row: whole, three, and some of one token."""


def make_batch() -> dict[str, Any]:
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 512, (3, 49), generator=draw)
    labels = ids[:, 1:].clone()
    labels[0, 5] = labels[2, 46] = IGNORED
    positions = torch.arange(48).repeat(3, 1)
    for row, starts in STARTS.items():
        for start in starts[1:]:
            positions[row, start:] -= positions[row, start].item()
    return {"input_ids": ids[:, :-1], "labels": labels, "position_ids": positions}


def plain_loss(model: Any, batch: dict[str, Any]) -> Any:
    """Whole logits by transformers' own eager attention and mask: shares nothing with ours but the weights."""
    model.set_attn_implementation("eager")
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def gradients(model: Any) -> dict[str, Any]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.fixture(scope="module")
def reference() -> tuple[float, dict[str, Any]]:
    """Loss and gradients of the plain way in fp32."""
    model = build_model(CONFIG, seed=1)
    loss = plain_loss(model, make_batch())
    loss.backward()
    return loss.item(), gradients(model)


def assert_close(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    for name, gradient in expected.items():
        assert (found[name] - gradient).norm() <= tolerance * gradient.norm(), name


@pytest.mark.parametrize("chunk_tokens", [1, 50, 144, 10_000])
def test_loss_and_gradients_are_those_of_whole_logits(chunk_tokens: int, reference: Any) -> None:
    model = build_model(CONFIG, seed=1)
    loss = loss_sum(model, make_batch(), chunk_tokens=chunk_tokens)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(reference[0], rel=1e-6)
    assert_close(gradients(model), reference[1], 1e-5)


def test_bf16_gradients_are_within_two_percent(reference: Any) -> None:
    model = build_model(CONFIG, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_sum(model, make_batch(), chunk_tokens=50)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(reference[0], rel=1e-3)
    assert_close(gradients(model), reference[1], 0.02)


def test_a_scaled_loss_scales_its_gradients(reference: Any) -> None:
    model = build_model(CONFIG, seed=1)
    (loss_sum(model, make_batch(), chunk_tokens=50) / 140).backward()
    assert_close(gradients(model), {name: value / 140 for name, value in reference[1].items()}, 1e-5)


def test_without_gradients_the_loss_is_the_same(reference: Any) -> None:
    with torch.no_grad():
        loss = loss_sum(build_model(CONFIG, seed=1), make_batch(), chunk_tokens=50)
    assert loss.item() == pytest.approx(reference[0], rel=1e-6)


def test_activation_checkpointing_changes_nothing(reference: Any) -> None:
    model = build_model(CONFIG, seed=1)
    model.train()
    newer = hasattr(model, "activation_checkpointing_enable")  # the other name warns from transformers 5.23 on
    enable = model.activation_checkpointing_enable if newer else model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    loss_sum(model, make_batch(), chunk_tokens=50).backward()
    assert_close(gradients(model), reference[1], 1e-5)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # of torch's own tracing
def test_compiled_layers_are_compiled_once_whatever_the_documents(reference: Any) -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()  # compiles nothing further, so no C++ compiler is needed
    model, batch = build_model(CONFIG, seed=1), make_batch()
    for layer in model.model.layers:
        layer.compile(backend=counter)
    loss_sum(model, batch, chunk_tokens=50).backward()
    assert_close(gradients(model), reference[1], 1e-5)
    first = counter.frame_count
    for start in range(10, 16):
        positions = torch.arange(48).repeat(3, 1)
        positions[:, start:] -= start
        loss_sum(model, {**batch, "position_ids": positions}, chunk_tokens=50)
    assert counter.frame_count == first > 0


def test_tied_tables_get_both_gradients() -> None:
    config = CONFIG.model_copy(update={"tied_embeddings": True})
    ours, plain = build_model(config, seed=1), build_model(config, seed=1)
    loss_sum(ours, make_batch(), chunk_tokens=50).backward()
    plain_loss(plain, make_batch()).backward()
    assert_close(gradients(ours), gradients(plain), 1e-5)


def test_packed_documents_are_as_each_alone() -> None:
    model, batch = build_model(CONFIG, seed=1), make_batch()
    with torch.no_grad():
        packed = hidden_states(model, batch["input_ids"], batch["position_ids"])
        for row, starts in STARTS.items():
            for start, stop in zip(starts, [*starts[1:], 48], strict=True):
                alone = model.model(batch["input_ids"][row : row + 1, start:stop]).last_hidden_state
                assert torch.allclose(packed[row : row + 1, start:stop], alone, atol=1e-5), (row, start)


def test_one_document_would_show_a_leak() -> None:
    """What the test above would see if attention crossed from one document into the next."""
    model, batch = build_model(CONFIG, seed=1), make_batch()
    with torch.no_grad():
        leaking = model.model(batch["input_ids"][1:2]).last_hidden_state[:, 30:]
        alone = model.model(batch["input_ids"][1:2, 30:]).last_hidden_state
    assert not torch.allclose(leaking, alone, atol=1e-2)


def test_a_change_in_one_document_leaves_the_others_gradients() -> None:
    model, batch = build_model(CONFIG, seed=1), make_batch()
    outside = batch["labels"].clone()
    outside[1, :7] = IGNORED  # the first document of row 1 is not scored ...
    loss_sum(model, {**batch, "labels": outside}, chunk_tokens=50).backward()
    changed = batch["input_ids"].clone()
    changed[1, :7] = 511 - changed[1, :7]  # ... so what it says cannot matter
    loss = loss_sum(model, {**batch, "labels": outside, "input_ids": changed}, chunk_tokens=50)
    first = loss_sum(model, {**batch, "labels": outside}, chunk_tokens=50)
    assert loss.item() == pytest.approx(first.item(), abs=1e-3)


def packed_reference(
    query: Any, key: Any, value: Any, begins: Any, _: Any, longest: int, __: int, *, scale: float, **options: Any
) -> Any:
    """What torch's varlen_attn promises of a causal window, one document after the other; that one needs a GPU."""
    assert options == {"window_size": (-1, 0), "enable_gqa": True}
    outputs = []
    for start, stop in itertools.pairwise(begins.tolist()):
        assert stop - start <= longest
        parts = [states[start:stop].transpose(0, 1)[None] for states in (query, key, value)]
        found = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True, scale=scale, enable_gqa=True)
        outputs.append(found[0].transpose(0, 1))
    return torch.cat(outputs)


def test_one_call_for_all_documents_is_one_for_each() -> None:
    documents = find_documents(make_batch()["position_ids"])
    draw = torch.Generator().manual_seed(0)
    states = [torch.randn(3, heads, 48, 16, generator=draw) for heads in (4, 2, 2)]
    expected, _ = attend(None, *states, None, documents=documents, scaling=0.3)
    torch.testing.assert_close(attend_at_once(packed_reference, documents, *states, 0.3), expected)


def test_torchs_own_call_takes_these_arguments() -> None:
    kernel = packed_kernel()
    if kernel is None:
        pytest.skip("this torch has no varlen_attn")
    inspect.signature(kernel).bind(*"qkvbb", 48, 48, scale=0.3, window_size=(-1, 0), enable_gqa=True)


def test_generation_has_its_own_attention() -> None:
    """Left padding is masked and the cache used, as by transformers alone: `documents` is not given then."""
    model = build_model(CONFIG, seed=1).eval()
    prompt = torch.tensor([[7, 8, 9, 10]])
    padded = torch.tensor([[4, 4, 7, 8, 9, 10]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1]])
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    alone = model.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    assert torch.equal(model.generate(padded, attention_mask=mask, **options)[:, 2:], alone)


def test_nothing_scored_is_a_loss_of_zero_with_zero_gradients() -> None:
    hidden = torch.randn(5, 8, requires_grad=True)
    loss = cross_entropy_sum(hidden, torch.randn(16, 8), torch.full((5,), IGNORED), 2)
    loss.backward()
    assert loss.item() == 0
    assert not hidden.grad.any()


def test_huge_logits_do_not_overflow() -> None:
    hidden = torch.full((2, 4), 1e4, requires_grad=True)
    loss = cross_entropy_sum(
        hidden, torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1]), 2
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(hidden.grad).all()


def test_the_models_own_forward_is_back_afterwards() -> None:
    model = build_model(CONFIG, seed=1)
    loss_sum(model, make_batch(), chunk_tokens=50)
    assert model(make_batch()["input_ids"]).logits.shape == (3, 48, 512)


SHARDED = """
import sys, torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
sys.path.insert(0, sys.argv[1])
from test_loss import CONFIG, build_model, gradients, loss_sum, make_batch, plain_loss, assert_close

torch.set_num_threads(1)
dist.init_process_group("gloo")
model = build_model(CONFIG, seed=1)
for module in [*model.model.layers, model]:
    fully_shard(module)
loss = loss_sum(model, make_batch(), chunk_tokens=50)
loss.backward()
found = {name: parameter.grad.full_tensor() for name, parameter in model.named_parameters()}
plain = build_model(CONFIG, seed=1)
expected = plain_loss(plain, make_batch())
expected.backward()
assert abs(loss.item() - expected.item()) < 1e-6 * expected.item(), (loss, expected)
assert_close(found, gradients(plain), 1e-5)
dist.destroy_process_group()
"""


def test_two_sharded_processes_give_the_same_loss_and_gradients(tmp_path: Path) -> None:
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
