"""Removals by text, instruction, code and both, by rank and across the runs of an index."""

import random
from pathlib import Path

import pytest

from synth.curate.index import DiskIndex
from synth.curate.near import shape_of
from synth.curate.ranking import rank_rows
from synth.curate.removals import Removal, find_removals

SHAPE = shape_of(0.7, "default")
CODE = " ".join(f"word{i}" for i in range(60))
OTHER = " ".join(f"term{i}" for i in range(60))
TASK = "Find the sum of the odd numbers of a list"


def test_the_survivor_is_named_with_method_and_similarity() -> None:
    assert find_removals([CODE, OTHER, CODE, CODE + " more"]) == [
        None,
        None,
        Removal(0, "exact", 1.0),
        Removal(0, "near", 56 / 57),
    ]


def test_the_best_ranked_survives_and_nobody_names_a_removed_row() -> None:
    texts = [CODE, CODE + " more", CODE]
    near = Removal(1, "near", 56 / 57)
    assert find_removals(texts, rank=[1, 9, 2]) == [near, None, near]


def test_both_needs_instruction_and_code() -> None:
    instructions = [TASK, TASK.replace("odd", "even"), TASK + ".", TASK]
    found = find_removals([CODE, CODE, CODE + " more", OTHER], by="both", instructions=instructions)
    assert found == [None, None, Removal(0, "both", 56 / 57), None]


def test_instructions_of_other_tasks_stay() -> None:
    found = find_removals([TASK, TASK.replace("odd", "even"), "Please " + TASK], by="instruction")
    assert found == [None, None, Removal(0, "instruction", 1.0)]


def texts_of(seed: int) -> list[str]:
    rng = random.Random(seed)
    bases = [" ".join(rng.choices([f"w{i}" for i in range(90)], k=50)) for _ in range(40)]
    return [rng.choice(bases) + rng.choice(("", " more", " and more")) for _ in range(120)]


def test_an_index_in_three_parts_keeps_what_one_search_keeps(tmp_path: Path) -> None:
    texts = texts_of(1)
    whole = [i for i, removal in enumerate(find_removals(texts)) if removal is None]
    kept: list[str] = []
    for begin in range(0, 120, 40):
        index = DiskIndex(tmp_path / "index", SHAPE, "text")  # opened anew each time
        part = texts[begin : begin + 40]
        found = find_removals(part, index=index)
        new = [i for i, removal in enumerate(found) if removal is None]
        index.add([part[i] for i in new], [part[i] for i in new], [(str(begin + i), "") for i in new])
        kept += [str(begin + i) for i in new]
    assert kept == [str(i) for i in whole]
    assert [index.name(number) for number in range(len(index))] == kept


@pytest.mark.parametrize(
    ("shape", "by", "named"),
    [
        (shape_of(0.8, "default"), "text", "threshold 0.7, got 0.8"),
        (shape_of(0.7, "opencoder"), "text", "num_perm 256, got 2048"),
        (SHAPE, "both", "by 'text', got 'both'"),
    ],
)
def test_an_index_of_another_shape_is_refused(tmp_path: Path, shape: object, by: str, named: str) -> None:
    DiskIndex(tmp_path / "index", SHAPE, "text")
    with pytest.raises(ValueError, match=named):
        DiskIndex(tmp_path / "index", shape, by)  # type: ignore[arg-type]


def test_what_a_crash_left_is_no_part_of_the_index(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path / "index", SHAPE, "text")
    index.add([CODE], [CODE], [("a", "")])
    partial = tmp_path / "index" / ".partial-x"
    partial.mkdir()
    (partial / "keys.u32").write_bytes(b"12")
    assert len(DiskIndex(tmp_path / "index", SHAPE, "text")) == 1


def test_a_folder_of_other_files_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="holds other files"):
        DiskIndex(tmp_path, SHAPE, "text")


def test_a_segment_cut_short_is_refused(tmp_path: Path) -> None:
    DiskIndex(tmp_path / "index", SHAPE, "text").add([CODE], [CODE], [("a", "")])
    (tmp_path / "index" / "000000" / "keys.u32").write_bytes(b"1234")
    with pytest.raises(ValueError, match="not whole"):
        DiskIndex(tmp_path / "index", SHAPE, "text")


def test_the_first_column_that_differs_decides() -> None:
    rows = [
        {"n": 1, "scores": '{"a": 1, "b": 4}', "id": "b"},
        {"n": 1, "scores": '{"a": 3}', "id": "a"},
        {"n": 2, "scores": "{}", "id": "c"},
        {"n": None, "scores": '{"a": 9}', "id": "d"},
        {"n": 1, "scores": '{"a": 3}', "id": "A"},
    ]
    ranks = rank_rows(rows, [""] * 5, ["n", "scores", "id:asc"])
    assert sorted(range(5), key=lambda i: -ranks[i]) == [2, 4, 1, 0, 3]


@pytest.mark.parametrize(("column", "named"), [("none", "no row has a value"), ("mixed", "numbers and texts")])
def test_columns_without_an_order_are_refused(column: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rank_rows([{"mixed": 1}, {"mixed": "a"}], ["", ""], [column])
