"""Mixtures: exact proportions, each row once, whole seeds on one side, and an account of every row."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
from sets_on_disk import rows_in, sample, tasks, words, write_rows, write_run

from synth.errors import SynthError
from synth.mix_config import MixFile
from synth.mix_export import make_mix
from synth.parquet import ShardSize


def mixed(out: Path, total: int, sets: dict[str, dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """The manifest of a mixture; sources are paths."""
    sets = {name: {"count": 1, **each, "sources": list(map(str, each["sources"]))} for name, each in sets.items()}
    mix = MixFile.model_validate({"sets": sets, "validation": 0, **settings})
    return make_mix(mix, out, name="m", total=total, size=ShardSize())


def account(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in told["table"] if row["name"] == name)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Two files of 60 rows."""
    return {name: write_rows(tmp_path / f"{name}.jsonl", tasks(name, range(60))) for name in ("a", "b")}


def test_the_sum_is_exact_and_the_parts_in_proportion(tmp_path: Path, sources: dict[str, Path]) -> None:
    sets = {"one": {"count": 2, "sources": [sources["a"]]}, "two": {"count": 1, "sources": [sources["b"]]}}
    told = mixed(tmp_path / "out", 50, sets)
    assert told["rows"] == 50 == len(rows_in(tmp_path / "out" / "data"))
    assert [row["train"] for row in told["table"]] == [33, 17]


def test_every_row_read_is_accounted_for(tmp_path: Path, sources: dict[str, Path]) -> None:
    rows = [*tasks("a", range(55, 70)), *tasks("a", [60]), {"instruction": "no answer"}, {"output": 3}]
    rows.append({"instruction": "Write it", "output": "def has_close_elements(numbers, threshold): ..."})
    sets = {"one": {"sources": [sources["a"]]}, "two": {"sources": [write_rows(tmp_path / "c.jsonl", rows)]}}
    two = account(mixed(tmp_path / "out", 20, sets), "two")
    names = ("read", "unusable", "contaminated", "twins_within", "twins_across", "train", "not_needed")
    assert [two[name] for name in names] == [19, 2, 1, 1, 5, 10, 0]


def test_what_was_left_out_names_the_row_that_stays(tmp_path: Path, sources: dict[str, Path]) -> None:
    twin = write_rows(tmp_path / "c.jsonl", tasks("a", [3]) + tasks("c", [1]))
    mixed(tmp_path / "out", 20, {"one": {"sources": [sources["a"]]}, "two": {"sources": [twin]}})
    (line,) = (tmp_path / "out" / "left_out.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["set"], told["reason"], told["detail"][-6:]) == ("two", "dedup.exact", "of one")


def test_of_two_twins_the_better_one_stays_within_a_set_and_the_first_set_across(tmp_path: Path) -> None:
    text = words("same", 60)
    weak = sample("weak", instruction=text, response=text + " x")
    strong = sample("strong", instruction=text, response=text + " y", scores={"quality": 9.0})
    first = write_run(tmp_path / "first", [weak])
    both = write_run(tmp_path / "both", [weak, strong, sample(1)])
    alone = mixed(tmp_path / "out", 9, {"one": {"sources": [both]}}, short="keep")
    assert {row["id"] for row in rows_in(tmp_path / "out" / "data")} == {strong.id, sample(1).id}
    assert account(alone, "one")["twins_within"] == 1
    mixed(tmp_path / "out", 9, {"one": {"sources": [first]}, "two": {"sources": [both]}}, short="refill")
    assert {row["id"] for row in rows_in(tmp_path / "out" / "data")} == {weak.id, sample(1).id}


def test_rows_alike_in_code_alone_are_twins_where_that_is_asked(tmp_path: Path) -> None:
    runs = write_run(tmp_path / "run", [sample(i, code=words("code", 50)) for i in range(2)])
    assert mixed(tmp_path / "out", 9, {"one": {"sources": [runs]}})["rows"] == 2
    assert mixed(tmp_path / "out", 9, {"one": {"sources": [runs]}}, compare=["text", "code"])["rows"] == 1


def test_no_seed_is_on_both_sides_of_the_split(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, [sample((name, i), seed_id=f"seed {i % 30}") for i in range(90)]) for name in "ab"
    ]
    mixed(tmp_path / "out", 150, {"a": {"sources": runs[:1]}, "b": {"sources": runs[1:]}}, validation=0.3)
    sides = [{row["seed_id"] for row in rows_in(tmp_path / "out" / "data", split)} for split in ("train", "validation")]
    assert all(sides)
    assert not sides[0] & sides[1]


def test_a_row_made_from_another_row_is_on_its_side(tmp_path: Path) -> None:
    import hashlib

    parents = [sample(i) for i in range(60)]
    made = [hashlib.sha256(parent.instruction.encode()).hexdigest()[:16] for parent in parents]
    children = [sample(("child", i), seed_id=seed) for i, seed in enumerate(made)]
    sets = {"a": {"sources": [write_run(tmp_path / "a", parents)]}}
    sets["b"] = {"sources": [write_run(tmp_path / "b", children)]}
    mixed(tmp_path / "out", 120, sets, validation=0.3)
    held_out = {row["id"] for row in rows_in(tmp_path / "out" / "data", "validation")}
    assert held_out
    for parent, child in zip(parents, children, strict=True):
        assert (parent.id in held_out) == (child.id in held_out)


def test_a_seed_held_out_of_one_mixture_is_held_out_of_another(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [sample(i) for i in range(80)])
    held = []
    for out, total in (("small", 40), ("large", 80)):
        mixed(tmp_path / out, total, {"a": {"sources": [run]}}, validation=0.3)
        held.append({row["seed_id"] for row in rows_in(tmp_path / out / "data", "validation")})
    assert held[0] < held[1]


def test_the_same_rows_in_other_files_and_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = tasks("a", range(40)) + [{"messages": [{"role": "user", "content": words(i)}, ANSWER]} for i in range(20)]
    write_rows(tmp_path / "one" / "rows.jsonl", rows)
    random.Random(1).shuffle(rows)
    for number in range(3):
        write_rows(tmp_path / "two" / "rows.jsonl" / f"{number}.jsonl", rows[number::3])
    for name in ("one", "two"):
        sources = [tmp_path / name / "rows.jsonl"]
        mixed(tmp_path / name / "out", 30, {"a": {"sources": sources}}, validation=0.2)
    files = [path.relative_to(tmp_path / "one" / "out") for path in (tmp_path / "one" / "out").rglob("*.parquet")]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "one" / "out" / file).read_bytes() == (tmp_path / "two" / "out" / file).read_bytes()


ANSWER = {"role": "assistant", "content": "Here."}


def test_another_seed_is_another_choice(tmp_path: Path, sources: dict[str, Path]) -> None:
    for seed in (0, 1):
        mixed(tmp_path / str(seed), 20, {"one": {"sources": [sources["a"]]}}, seed=seed)
    zero, one = ({row["id"] for row in rows_in(tmp_path / str(seed) / "data")} for seed in (0, 1))
    assert zero != one


@pytest.mark.parametrize(("short", "given"), [("keep", [60, 50]), ("refill", [60, 60])])
def test_a_set_that_is_short(tmp_path: Path, sources: dict[str, Path], short: str, given: list[int]) -> None:
    sets = {"one": {"count": 2, "sources": [sources["a"]]}, "two": {"count": 1, "sources": [sources["b"]]}}
    told = mixed(tmp_path / "out", 150, sets, short=short)
    assert [row["given"] for row in told["table"]] == given
    assert (account(told, "one")["short"], told["largest"]) == (40, 90)


def test_a_set_that_is_short_can_stop_it_and_nothing_is_written(tmp_path: Path, sources: dict[str, Path]) -> None:
    sets = {"one": {"sources": [sources["a"]]}}
    with pytest.raises(SynthError, match=r"short: one has 60 of 61 rows; give it more sources"):
        mixed(tmp_path / "out", 61, sets, short="fail")
    assert not list(tmp_path.glob("*out*"))


def test_rows_come_again_only_as_often_as_allowed_and_only_for_training(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [sample(i) for i in range(30)])
    told = mixed(tmp_path / "out", 500, {"a": {"sources": [run]}}, validation=0.3, max_repeats=3)
    train, validation = (rows_in(tmp_path / "out" / "data", split) for split in ("train", "validation"))
    ids = [row["id"] for row in train]
    assert {ids.count(each) for each in ids} == {3}
    assert len({row["id"] for row in validation}) == len(validation) == 30 - len(ids) // 3
    assert account(told, "a")["repeats"] == len(ids) * 2 // 3


def test_only_the_evidence_and_scores_asked_for(tmp_path: Path) -> None:
    rows = [sample(i, evidence="seed" if i % 2 else "self", scores={"quality": float(i)}) for i in range(10)]
    sets = {"a": {"sources": [write_run(tmp_path / "run", rows)], "evidence": ["seed"], "min_scores": {"quality": 5}}}
    told = mixed(tmp_path / "out", 10, sets)
    assert {row["id"] for row in rows_in(tmp_path / "out" / "data")} == {rows[i].id for i in (5, 7, 9)}
    assert account(told, "a")["not_asked"] == 7


def test_an_export_is_read_once_although_it_says_everything_twice(tmp_path: Path, sources: dict[str, Path]) -> None:
    mixed(tmp_path / "first", 20, {"one": {"sources": [sources["a"]]}}, validation=0.2)
    num_train = len(rows_in(tmp_path / "first" / "data"))
    told = mixed(tmp_path / "second", 20, {"again": {"sources": [tmp_path / "first"]}})
    assert account(told, "again")["read"] == num_train


def test_dropped_rows_of_a_run_are_not_read_and_a_shard_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [sample(1), sample(2).drop("verify.failed")])
    assert account(mixed(tmp_path / "out", 2, {"a": {"sources": [run]}}), "a")["read"] == 1
    shard = write_run(tmp_path / "shard", [sample(1)], shard="0/2")
    with pytest.raises(SynthError, match="is a shard, not curated yet; `synth merge`"):
        mixed(tmp_path / "out", 2, {"a": {"sources": [shard]}})


def test_documents_are_counted_in_tokens(tmp_path: Path) -> None:
    rows = [{"text": words(i, 50), "lang": "go", "num_tokens": 10} for i in range(50)]
    rows += [{"content": words(("b", i), 50)} for i in range(50)]
    path = write_rows(tmp_path / "a.jsonl", rows)
    told = mixed(tmp_path / "out", 1000, {"a": {"sources": [path]}}, layout="documents", unit="tokens")
    assert 1000 <= account(told, "a")["given"] < 1100
    row = rows_in(tmp_path / "out" / "data")[0]
    assert list(row)[:2] == ["text", "lang"]
    assert not (tmp_path / "out" / "messages").exists()


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": "only a question"}]},
        {"messages": "text"},
        {"instruction": "a", "output": "\ud800"},
        {"instruction": ["a"], "output": "b"},
        {"text": "a document"},
        {},
    ],
)
def test_a_row_that_is_no_conversation_is_counted_and_not_used(tmp_path: Path, row: dict[str, Any]) -> None:
    path = write_rows(tmp_path / "a.jsonl", [row, *tasks("a", [1])])
    told = mixed(tmp_path / "out", 5, {"a": {"sources": [path]}})
    assert (account(told, "a")["unusable"], told["rows"]) == (1, 1)


def test_hostile_values_in_our_columns_are_not_taken_over(tmp_path: Path) -> None:
    hostile = {"scores": "[", "testcase": "x", "evidence": "oath", "tests_passed": 2**70, "cost_usd": "free"}
    hostile |= {"id": 7, "messages": None, "seed_license": "\ud800", "templates": None, "verified": True}
    path = write_rows(tmp_path / "a.jsonl", [tasks("a", [1])[0] | hostile])
    mixed(tmp_path / "out", 5, {"a": {"sources": [path]}})
    (row,) = rows_in(tmp_path / "out" / "data")
    assert (row["evidence"], row["testcase"], row["tests_passed"], row["verified"]) == ("none", [], 0, False)


def test_a_row_keeps_the_columns_it_had_in_its_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [sample(1, scores={"quality": 3.0})])
    mixed(tmp_path / "out", 1, {"educational_instruct": {"sources": [run]}})
    (row,) = rows_in(tmp_path / "out" / "data")
    assert (row["tag"], row["scores"], row["seed_license"]) == ("educational_instruct", '{"quality": 3.0}', "MIT")
    assert row["test_results"] == [{"test": "assert ready()", "passed": True}]


def test_the_subsets_hold_the_rows_of_the_whole(tmp_path: Path, sources: dict[str, Path]) -> None:
    mixed(tmp_path / "out", 40, {name: {"sources": [path]} for name, path in sources.items()}, validation=0.2)
    for split in ("train", "validation"):
        whole = rows_in(tmp_path / "out" / "data", split)
        parts = [row for name in sources for row in rows_in(tmp_path / "out" / "subsets" / name, split)]
        assert sorted(row["id"] for row in whole) == sorted(row["id"] for row in parts)
    assert len({row["tag"] for row in whole[:8]}) == 2  # shuffled


def test_another_folder_than_a_mixture_is_not_replaced(tmp_path: Path, sources: dict[str, Path]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    with pytest.raises(SynthError, match="holds something else than a mixture"):
        mixed(tmp_path / "out", 5, {"one": {"sources": [sources["a"]]}})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_mixture_that_fails_leaves_the_old_one(tmp_path: Path, sources: dict[str, Path]) -> None:
    mixed(tmp_path / "out", 5, {"one": {"sources": [sources["a"]]}})
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    with pytest.raises(SynthError, match=r"no run, export or \.arrow"):
        mixed(tmp_path / "out", 5, {"one": {"sources": [tmp_path / "nowhere"]}})
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before
    assert not list(tmp_path.glob(".out*"))


def test_the_card_charges_a_repeated_row_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [dataclasses.replace(sample(i), language="rust") for i in range(3)])
    mixed(tmp_path / "out", 9, {"a": {"sources": [run]}}, max_repeats=3)
    card = (tmp_path / "out" / "README.md").read_text()
    for line in ("| calls | 6 |", "| cost | $1.50 |", "| a | rust | 9 |", "| `self` | 9 |"):
        assert line in card
