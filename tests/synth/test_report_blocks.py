"""Blocks of packed records: all come back, a text stands once, a block has neither too many rows nor characters."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from typing import Any

import pytest

from synth.report_blocks import BLOCK_CHARS, BLOCK_ROWS, BlockWriter


def blocks_of(*texts: str) -> tuple[list[dict[str, Any]], BlockWriter]:
    """What is stored of records that hold one text each."""
    file = io.BytesIO()
    writer = BlockWriter(file, "rows")
    for text in texts:
        writer.add({"text": writer.text(text)})
    writer.flush()
    stored = re.findall(rb'id="rows-\d+">([^<]+)</script>', file.getvalue())
    return [json.loads(gzip.decompress(base64.b64decode(one))) for one in stored], writer


def texts_of(block: dict[str, Any]) -> list[str]:
    return [block["texts"][block["places"][record["text"]]] for record in block["records"]]


def test_texts_come_back_in_order_from_a_sorted_list() -> None:
    (block,), _ = blocks_of("b", "a", "c", "a")
    assert texts_of(block) == ["b", "a", "c", "a"]
    assert block["texts"] == ["a", "b", "c"]


@pytest.mark.parametrize(("rows", "starts"), [(BLOCK_ROWS, [0]), (BLOCK_ROWS + 1, [0, BLOCK_ROWS])])
def test_a_block_ends_at_its_limit_of_rows(rows: int, starts: list[int]) -> None:
    blocks, writer = blocks_of(*map(str, range(rows)))
    assert writer.starts == starts
    assert [text for block in blocks for text in texts_of(block)] == list(map(str, range(rows)))


def test_a_block_ends_where_its_texts_are_long_and_repeats_do_not_count() -> None:
    long = "x" * (BLOCK_CHARS // 2 + 1)
    assert blocks_of(long, long, long)[1].starts == [0]
    assert blocks_of(f"1{long}", f"2{long}", "3")[1].starts == [0, 2]


def test_what_could_hide_is_spelt_out_and_surrogates_can_be_written() -> None:
    (block,), _ = blocks_of("\x1b[31m", "\ud800", "</script>")
    assert texts_of(block) == ["<U+001B>[31m", "<U+D800>", "</script>"]


def test_no_record_is_no_block() -> None:
    assert blocks_of()[0] == []
