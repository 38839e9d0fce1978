from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from pretrain import heldout  # noqa: E402
from pretrain.config import ModelConfig  # noqa: E402
from pretrain.errors import ShardError, TokenizerError  # noqa: E402
from pretrain.model import build_model  # noqa: E402
from pretrain.shards import Shard, open_heldout, open_shards  # noqa: E402
from pretrain.tokenizer import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.train
CONTEXT = 32


@pytest.fixture(scope="module")
def model() -> Any:
    shape = ModelConfig(layers=2, width=32, heads=2, kv_heads=2, head_dim=16, ffn=64, vocab_size=300, context=CONTEXT)
    return build_model(shape, seed=0)


@pytest.fixture(scope="module")
def shard(oven: Any) -> Shard:
    return open_heldout([oven.shards])["python"]


@pytest.fixture(scope="module")
def sizes(oven: Any) -> Any:
    return heldout.token_bytes(oven.tokenizer)


def score(model: Any, shard: Shard, sizes: Any, **options: Any) -> heldout.Score:
    settings = {"context": CONTEXT, "batch": 3, "max_tokens": 10**9, "device": "cpu"} | options
    return heldout.score_shard(model, shard, token_bytes=sizes, **settings)


def test_it_is_what_each_document_costs_read_alone(model: Any, shard: Shard, sizes: Any) -> None:
    nats = 0.0
    for number in range(shard.num_documents):
        document = torch.tensor(np.array(shard.document(number), dtype=np.int64))
        for start in range(0, len(document) - 1, CONTEXT):
            window = document[start : start + CONTEXT + 1]
            with torch.no_grad():
                logits = model(window[None, :-1], use_cache=False).logits[0].double()
            nats += float(torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum"))
    assert score(model, shard, sizes).bits == pytest.approx(nats / math.log(2), rel=1e-5)


def test_the_bytes_are_those_of_the_text_but_for_first_tokens(model: Any, oven: Any, shard: Shard, sizes: Any) -> None:
    tokenizer = load_tokenizer(oven.tokenizer)
    texts = [tokenizer.decode(shard.document(number)[1:-1].tolist()) for number in range(shard.num_documents)]
    scored = score(model, shard, sizes)
    assert scored.text_bytes == sum(len(text.encode()) for text in texts)
    assert scored.tokens == shard.num_tokens - shard.num_documents


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_the_batch_does_not_matter(model: Any, shard: Shard, sizes: Any, batch: int) -> None:
    assert score(model, shard, sizes, batch=batch).bits == pytest.approx(score(model, shard, sizes).bits, rel=1e-6)


def test_only_whole_documents_are_scored_and_one_at_least(shard: Shard) -> None:
    first, second = len(shard.document(0)), len(shard.document(1))
    for max_tokens, expected in ((1, 1), (first, 1), (first + second - 1, 1), (first + second, 2)):
        assert len(heldout.first_documents(shard, max_tokens)) == expected


def test_all_divides_summed_bits_by_summed_bytes(model: Any, oven: Any, sizes: Any) -> None:
    shards = open_shards([oven.shards])
    scores = [score(model, shard, sizes, max_tokens=400) for shard in shards.values()]
    found = heldout.bits_per_byte(
        model, shards, token_bytes=sizes, context=CONTEXT, batch=2, max_tokens=400, device="cpu"
    )
    assert set(found) == {"c", "python", "all"}
    assert found["all"] == pytest.approx(sum(s.bits for s in scores) / sum(s.text_bytes for s in scores))


def test_the_model_stays_in_training_mode(model: Any, shard: Shard, sizes: Any) -> None:
    model.train()
    score(model, shard, sizes, max_tokens=1)
    assert model.training


def test_rows_hold_every_window_once_each_by_itself() -> None:
    documents = [np.arange(1, length + 1, dtype=np.int32) for length in (2, 40, 5, 9, 17, 33)]
    rows = heldout.fill_rows(heldout.windows(documents, 16), 16, end_of_text=0)
    scored = rows["labels"] != heldout.IGNORED
    assert scored.sum() == sum(len(document) - 1 for document in documents)
    assert (rows["labels"][scored] == rows["input_ids"][scored] + 1).all()
    assert (rows["position_ids"][:, 0] == 0).all()
    assert len(rows["labels"]) == 7


def test_bytes_of_tokens_are_those_of_the_tokenizer(oven: Any, sizes: Any) -> None:
    text = "def f(x):\n\treturn 'é中😀' # 12 <|im_end|>"
    ids = load_tokenizer(oven.tokenizer).encode(text).ids
    assert sizes[ids].sum() == len(text.encode())
    assert not sizes[:32].any()


def test_a_shard_with_nothing_to_score_is_named(model: Any, sizes: Any, tmp_path: Path) -> None:
    from pretrain.shards import write_shard

    facts = {"bytes": 0, "vocab_size": 300, "tokenizer": "x", "end_of_text": 0}
    write_shard(tmp_path / "empty", [(np.array([40, 0], np.int32), np.array([2], np.int32))], facts)
    with pytest.raises(ShardError, match=r"^empty: no held-out text"):
        score(model, Shard.open(tmp_path / "empty"), sizes)


@pytest.mark.parametrize(
    "content",
    [
        *(None, "[]", "{", '{"model": {"vocab": {"a": 0}}, "added_tokens": []}'),
        '{"model": {"vocab": {}}, "added_tokens": [], "decoder": {"type": "ByteLevel"}}',
        '{"model": {"vocab": [["a", 0.5]]}, "added_tokens": [], "decoder": {"type": "ByteLevel"}}',
    ],
)
def test_a_tokenizer_that_is_not_byte_level_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: "):
        heldout.token_bytes(tmp_path)
