"""What a mixture may say, and where the rows of its sets are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sets_on_disk import sample, write_run

from synth.mix_config import PRESETS, MixError, load_mix, with_sources


def test_the_presets_hold_opencoders_tables() -> None:
    counts = {name: [each.count for each in load_mix(name).sets.values()] for name in PRESETS}
    assert [sum(filter(None, counts[name])) for name in PRESETS] == [4_000_000, 367_000, 100_000_000_000]
    assert load_mix("stage2.yaml") == load_mix("stage2")


@pytest.mark.parametrize("name", ["stage1", "stage2"])
def test_a_preset_scales_down(name: str) -> None:
    whole = load_mix(name).wanted(scale=None, total=None)
    assert load_mix(name).wanted(scale=0.001, total=None) == whole // 1000
    assert load_mix(name).wanted(scale=None, total=77) == 77


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sets: {a: {count: 1}}\nshrot: keep", r"shrot: unknown key; did you mean short\?"),
        ("sets: {a: {cuont: 1}}", r"sets.a.cuont: unknown key; did you mean count\?"),
        ("sets: {a: {count: 0}}", r"sets.a.count: .* got 0"),
        ("sets: {a: {}}", r"sets.a needs one of count and weight, got none"),
        ("sets: {a: {count: 1, weight: 2}}", r"sets.a needs one of count and weight, got both"),
        ("sets: {a: {count: 1}, b: {weight: 2}}", r"some have a count and some a weight"),
        ("sets: {a: {weight: .inf}}", r"sets.a.weight: .* got inf"),
        ("sets: {a/b: {count: 1}}", r"sets.a/b: no name for a set"),
        ("sets: {default: {count: 1}}", r"sets.default: no name for a set"),
        ("sets: {a: {count: 1}}\ntotal: 5", r"total goes with weights"),
        ("sets: {}", r"sets: .* got \{\}"),
        ("about: x", r"sets: missing; add it"),
        ("- a", r"needs a mapping with `sets`, got list"),
        ("a: [", r"not YAML"),
        ("sets: {a: {count: 1}}\nvalidation: 0.9", r"validation: .* got 0.9"),
        ("sets: {a: {count: 1}}\ncompare: [txet]", r"compare.0: .* got 'txet'"),
    ],
)
def test_a_fault_is_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(MixError, match=said) as fault:
        load_mix(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(fault.value)


def test_an_unknown_preset_names_the_near_miss() -> None:
    with pytest.raises(MixError, match=r"stag2: no such file or preset; did you mean stage2"):
        load_mix("stag2")


def test_weights_without_a_total_ask_for_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sets: {a: {weight: 1}}")
    with pytest.raises(MixError, match="nothing says how much; give `total` or --rows"):
        load_mix(str(tmp_path / "mine.yaml")).wanted(scale=2, total=None)


def test_sources_in_a_file_are_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sets: {a: {count: 1, sources: [rows.jsonl, hf:me/set]}}")
    assert load_mix(str(tmp_path / "mine.yaml")).sets["a"].sources == (str(tmp_path / "rows.jsonl"), "hf:me/set")


def test_sets_take_the_runs_of_their_name_unless_told_otherwise(tmp_path: Path) -> None:
    write_run(tmp_path / "one", [sample(1)], subset="evol_instruct")
    write_run(tmp_path / "old", [sample(1)], recipe="mceval_instruct")
    write_run(tmp_path / "part", [sample(1)], subset="evol_instruct", shard="0/2")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text("{")
    mix = with_sources(load_mix("stage2"), {"package_instruct": ["x", "y"]}, tmp_path)
    found = {name: each.sources for name, each in mix.sets.items()}
    assert found["evol_instruct"] == (str(tmp_path / "one"),)
    assert found["mceval_instruct"] == (str(tmp_path / "old"),)
    assert found["package_instruct"] == ("x", "y")
    assert found["educational_instruct"] == ()


def test_a_set_that_is_not_there_names_the_near_miss(tmp_path: Path) -> None:
    with pytest.raises(MixError, match=r"--set evol_instruction: no such set; did you mean evol_instruct"):
        with_sources(load_mix("stage2"), {"evol_instruction": ["x"]}, tmp_path)


def test_a_mixture_of_nothing_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(MixError, match=r"no run of .* in it; give --set educational_instruct=FOLDER"):
        with_sources(load_mix("stage2"), {}, tmp_path)
