"""The shuffle gives every document back once, in an order that piles and batches do not change."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from pretrain import shuffle
from pretrain.shuffle import Shuffle


def shuffled(folder: Path, *, text_bytes: int, batch: int, seed: int = 0, documents: int = 500) -> list[list[int]]:
    """Documents number * 1000, number * 1000 + 1, ... of 1 to 4 tokens."""
    folder.mkdir()
    contents = [[number * 1000 + i for i in range(1 + number % 4)] for number in range(documents)]
    with Shuffle(folder, seed=seed, text_bytes=text_bytes) as piles:
        for start in range(0, documents, batch):
            part = contents[start : start + batch]
            piles.add(np.array(list(chain(*part)), np.int32), np.array([len(document) for document in part], np.int32))
        found = []
        for tokens, sizes in piles.drain():
            found += [run.tolist() for run in np.split(tokens, np.cumsum(sizes)[:-1])]
    assert not list(folder.iterdir())
    return found


def test_each_document_comes_back_once_and_whole(tmp_path: Path) -> None:
    found = shuffled(tmp_path / "a", text_bytes=1, batch=70)
    assert sorted(found) == [[number * 1000 + i for i in range(1 + number % 4)] for number in range(500)]
    assert found != sorted(found)


def test_piles_and_batches_do_not_change_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = shuffled(tmp_path / "a", text_bytes=1, batch=500)
    monkeypatch.setattr(shuffle, "PILE_TEXT_BYTES", 10)
    assert shuffled(tmp_path / "b", text_bytes=75, batch=33) == one  # 8 piles
    assert shuffled(tmp_path / "c", text_bytes=10_000, batch=1) == one  # 256 piles, many of them almost empty


def test_the_seed_changes_the_order(tmp_path: Path) -> None:
    orders = [shuffled(tmp_path / str(seed), text_bytes=1, batch=50, seed=seed) for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_the_order_looks_random(tmp_path: Path) -> None:
    numbers = [document[0] // 1000 for document in shuffled(tmp_path / "a", text_bytes=1, batch=500)]
    assert abs(np.corrcoef(numbers, range(500))[0, 1]) < 0.15
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.15


def test_no_documents_are_none(tmp_path: Path) -> None:
    assert shuffled(tmp_path / "a", text_bytes=0, batch=1, documents=0) == []
