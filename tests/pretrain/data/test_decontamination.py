"""The fast sieve finds exactly what `synth.curate` alone would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pretrain.data.decontamination import FileDecontaminator, load_benchmarks
from pretrain.data.document import Document
from pretrain.errors import SourceError
from synth.curate.decontaminate import Decontaminator


def documents(texts: list[str]) -> list[Document]:
    return [Document("id", text, "a.py", "r", "python", "code", "MIT", "pypi") for text in texts]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Every text of the benchmark, upper case, cut short, and inside other code."""
    found = [text for task in load_benchmarks(["humaneval"])[0].tasks for text in task.texts]
    filler = "value = compute(first, second)\n" * 20
    return [*found, *(text.upper() for text in found), *(filler + text[:80] + filler for text in found), filler, "x"]


def test_the_sieve_loses_nothing(texts: list[str]) -> None:
    [benchmark] = load_benchmarks(["humaneval"])
    nameless = replace(benchmark, tasks=tuple(replace(task, entry_point="") for task in benchmark.tasks))
    exact = Decontaminator([nameless])
    expected = [None if exact.find(text) is None else "decontaminate.ten_gram" for text in texts]
    found = FileDecontaminator([benchmark]).reasons(documents(texts))
    assert found == expected
    assert 200 < sum(reason is not None for reason in found) < len(found)


def test_calling_a_function_named_like_a_benchmarks_is_no_leak() -> None:
    index = FileDecontaminator(load_benchmarks(["humaneval"]))
    assert index.reasons(documents(["def add(a, b):\n    return search(a) + b\n", ""])) == [None, None]


def test_no_documents_give_no_reasons() -> None:
    assert FileDecontaminator(load_benchmarks(["humaneval"])).reasons([]) == []


def test_none_is_no_benchmark_and_others_are_named() -> None:
    assert load_benchmarks(["none"]) == []
    with pytest.raises(SourceError, match="--against: benchmark 'nope'"):
        load_benchmarks(["nope"])
