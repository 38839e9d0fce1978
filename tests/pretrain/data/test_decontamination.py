"""Files against benchmarks: by what they repeat, not by the names they use."""

from __future__ import annotations

import pytest

from pretrain.data.decontamination import FileDecontaminator, decontaminate, load_benchmarks
from pretrain.data.document import Document
from pretrain.errors import SourceError


def documents(texts: list[str]) -> list[Document]:
    return [Document("id", text, "a.py", "r", "python", "code", "MIT", "pypi") for text in texts]


def test_a_task_inside_other_code_is_found() -> None:
    task = load_benchmarks(["humaneval"])[0].tasks[1]
    filler = "value = compute(first, second)\n" * 20
    found = FileDecontaminator(load_benchmarks(["humaneval"]))
    assert found.reasons(documents([filler + task.texts[0] + filler, filler])) == ["decontaminate.run", None]


def test_calling_a_function_named_like_a_benchmarks_is_no_leak() -> None:
    found = FileDecontaminator(load_benchmarks(["humaneval"]))
    assert found.reasons(documents(["def add(a, b):\n    return search(a) + b\n", ""])) == [None, None]


def test_no_documents_give_no_reasons_and_no_benchmark_no_drop() -> None:
    assert FileDecontaminator(load_benchmarks(["humaneval"])).reasons([]) == []
    assert decontaminate((), documents(["x"])) == [None]


def test_none_is_no_benchmark_and_others_are_named() -> None:
    assert load_benchmarks(["none"]) == []
    with pytest.raises(SourceError, match="--against: benchmark 'nope'"):
        load_benchmarks(["nope"])
