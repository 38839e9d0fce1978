"""Blocked attention against torch's own kernel in fp32, which shares nothing with it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pretrain import cpu_attention  # noqa: E402
from pretrain.attention import attend, find_documents  # noqa: E402
from pretrain.cpu_attention import BLOCK, KEPT_LENGTH, attend_causally  # noqa: E402

pytestmark = pytest.mark.train

LENGTHS = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, KEPT_LENGTH + 1]


def draw(*shape: int, seed: int = 0, dtype: Any = torch.bfloat16) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def with_gradients(function: Any, states: list[Any], outgoing: Any) -> list[Any]:
    leaves = [part.detach().clone().requires_grad_() for part in states]
    output = function(*leaves)
    return [output.detach(), *torch.autograd.grad(output, leaves, outgoing.to(output.dtype))]


def in_fp32(query: Any, key: Any, value: Any) -> Any:
    parts = (part.float()[None] for part in (query, key, value))
    return torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True, scale=0.2)[0]


def deviations(found: list[Any], expected: list[Any]) -> list[float]:
    """Of each tensor, relative to its norm; a gradient of nothing (one key's, to one query) may deviate wholly."""
    return [((one - other).norm() / max(other.norm(), 1.0)).item() for one, other in zip(found, expected, strict=True)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.01), (torch.float32, 1e-6)])
@pytest.mark.parametrize("length", LENGTHS)
def test_outputs_and_gradients_are_those_of_torchs_kernel(length: int, dtype: Any, tolerance: float) -> None:
    states = [draw(3, length, 16, seed=seed, dtype=dtype) for seed in range(3)]
    outgoing = draw(3, length, 16, seed=3, dtype=dtype)
    found = with_gradients(lambda *leaves: attend_causally(*leaves, 0.2), states, outgoing)
    assert {part.dtype for part in found} == {dtype}
    assert max(deviations(found, with_gradients(in_fp32, states, outgoing))) < tolerance


def test_weights_that_are_computed_again_are_those_that_were_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    states, outgoing = [draw(2, 300, 16, seed=seed) for seed in range(3)], draw(2, 300, 16, seed=3)
    kept = with_gradients(lambda *leaves: attend_causally(*leaves, 0.2), states, outgoing)
    monkeypatch.setattr(cpu_attention, "KEPT_LENGTH", 0)
    again = with_gradients(lambda *leaves: attend_causally(*leaves, 0.2), states, outgoing)
    assert all(torch.equal(one, other) for one, other in zip(kept, again, strict=True))


def test_no_query_sees_a_later_key() -> None:
    query, key, value = (draw(1, 2 * BLOCK, 16, seed=seed) for seed in range(3))
    before = attend_causally(query, key, value, 0.2)
    key[:, BLOCK + 7 :] = value[:, BLOCK + 7 :] = 99.0
    after = attend_causally(query, key, value, 0.2)
    assert torch.equal(before[:, : BLOCK + 7], after[:, : BLOCK + 7])
    assert not torch.equal(before, after)


def test_huge_scores_overflow_nothing() -> None:
    states, outgoing = [1e4 * draw(1, 200, 16, seed=seed) for seed in range(3)], draw(1, 200, 16, seed=3)
    found = with_gradients(lambda *leaves: attend_causally(*leaves, 0.2), states, outgoing)
    assert all(torch.isfinite(part).all() for part in found)


@pytest.mark.parametrize("starts", [[], [1, 40, 41]])
def test_grouped_heads_and_packed_documents_take_it_under_autocast(starts: list[int]) -> None:
    """Queries and keys come in fp32 from the rotary embedding, values in bf16 from their projection."""
    positions = torch.arange(160).repeat(2, 1)
    for start in starts:
        positions[1, start:] -= positions[1, start].item()
    documents = find_documents(positions)
    query, key = draw(2, 4, 160, 16).float(), draw(2, 2, 160, 16, seed=1).float()
    value = draw(2, 2, 160, 16, seed=2)
    expected, _ = attend(None, query, key, value.float(), None, documents=documents, scaling=0.2)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = attend(None, query, key, value, None, documents=documents, scaling=0.2)
    assert found.dtype == torch.bfloat16
    assert deviations([found], [expected])[0] < 0.01
