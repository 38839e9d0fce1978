"""The terminal views: everything is there, sums agree with the report, hostile text stays text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from synth.figures import RowStats, RunFacts
from synth.report import write_page
from synth.sample import Check, Funnel, Provenance, Sample, TestOutcome
from synth.show import print_funnel, print_sample, print_story
from synth.story import Asked, Judged, Story

HOSTILE = "[red]not markup[/red] [/] [link=http://x.invalid]y[/link] \x1b]0;title\x07\x1b[2J \u202e :bomb: <b>raw</b>"
FACTS = RunFacts(
    name="demo", recipe="educational", teacher="local", command="synth", seconds=60.0, calls=90, prompt_tokens=4000,
    completion_tokens=2000, cost_usd=0.5,
)  # fmt: skip
FUNNEL = Funnel(seeds=30, kept=10, dropped={"verify.failed": 15, "dedup.near": 3}, unfinished=2)


def shown(view: Any, *arguments: Any, width: int = 400) -> str:
    file = io.StringIO()
    view(Console(file=file, width=width), *arguments)
    return file.getvalue()


def sample(**changes: Any) -> Sample:
    given = {"recipe": "educational", "seed_id": "starter/add", "instruction": "Add two numbers.", **changes}
    return Sample(**given)


def test_the_funnel_lists_every_reason_with_its_rows() -> None:
    lines = [line.replace("█", "").split() for line in shown(print_funnel, FUNNEL, FACTS).splitlines()[:5]]
    assert lines == [
        ["seeds", "30", "100.0%"],
        ["verify.failed", "-15", "50.0%"],
        ["dedup.near", "-3", "10.0%"],
        ["unfinished", "-2", "6.7%"],
        ["kept", "10", "33.3%"],
    ]


def test_the_terminal_and_the_page_print_the_same_figures() -> None:
    text, file = shown(print_funnel, FUNNEL, FACTS), io.BytesIO()
    write_page(file, [], FUNNEL, FACTS)
    page = file.getvalue().decode()
    for figure in ("35.7%", "6.0 s", "1 min 00 s in all", "600", "6,000 in all", "90 in all", "$0.05", "$0.50 in all"):
        assert figure in text
        assert figure in page


def test_the_evidence_of_kept_rows_is_summed_up() -> None:
    rows = [
        sample(evidence="self"),
        sample(evidence="seed", round_trip=True),
        sample(evidence="seed").drop("dedup.near"),
    ]
    text = shown(print_funnel, Funnel(seeds=3, kept=2, dropped={"dedup.near": 1}), FACTS, RowStats.over(rows))
    assert "evidence: seed 1, self 1; round trip made by 1 of 2" in text


def test_no_bar_is_wider_than_all_seeds() -> None:
    dropped = {f"a.r{number}": 1 for number in range(200)}
    for funnel in (FUNNEL, Funnel(seeds=100_000, kept=99_800, dropped=dropped), Funnel(seeds=0, kept=0, dropped={})):
        widths = [line.count("█") for line in shown(print_funnel, funnel, FACTS).splitlines()]
        assert max(widths) <= 32


@pytest.mark.parametrize("width", [48, 60, 80])
def test_a_narrow_terminal_shortens_bars_and_never_figures(width: int) -> None:
    funnel = Funnel(seeds=1_000_303, kept=1_000_000, dropped={"parse.no_instruction": 303})
    text = shown(print_funnel, funnel, FACTS, width=width)
    assert all(part in text for part in ("1,000,303", "1,000,000", "-303", "parse.no_instruction", "100.0%"))


def test_one_lost_row_of_many_still_shows_in_its_bar() -> None:
    file = io.StringIO()
    funnel = Funnel(seeds=100_000, kept=99_999, dropped={"a.b": 1})
    print_funnel(Console(file=file, width=100, force_terminal=True, color_system="standard"), funnel, FACTS)
    assert "\x1b[31m█" in file.getvalue()


def test_a_funnel_that_does_not_add_up_says_so() -> None:
    assert "does not add up: 5 seeds, 1 accounted for" in shown(
        print_funnel, Funnel(seeds=5, kept=1, dropped={}), FACTS
    )
    assert "does not add up" not in shown(print_funnel, FUNNEL, FACTS)


def test_a_row_shows_instruction_code_tests_and_cost() -> None:
    check = Check(status="passed", outcomes=(TestOutcome(test="assert add(1, 2) == 3", passed=True),))
    made = Provenance(teacher="local", calls=3, prompt_tokens=100, completion_tokens=50, cost_usd=0.25)
    text = shown(print_sample, sample(code="def add(a, b): ...", evidence="seed", check=check, provenance=made))
    for part in ("kept", "Add two numbers.", "def add(a, b): ...", "1 of 1 passed", "✓ assert add(1, 2) == 3",
                 "evidence: seed", "3 calls, 100 + 50 tokens", "$0.25"):  # fmt: skip
        assert part in text


def test_a_dropped_row_shows_reason_detail_and_the_failing_tests_error() -> None:
    check = Check(status="failed", outcomes=(TestOutcome(test="assert 0", passed=False, error="AssertionError"),))
    text = shown(print_sample, sample(check=check).drop("verify.failed", "test 1 of 1"))
    for part in ("verify.failed", "test 1 of 1", "0 of 1 passed", "✗ assert 0", "AssertionError"):
        assert part in text


def test_code_that_the_response_holds_is_shown_once() -> None:
    text = shown(print_sample, sample(code="unique = 1\n", response="So:\n```python\nunique = 1\n```\nDone."))
    assert text.count("unique = 1") == 1
    assert "```" not in text


@pytest.mark.parametrize("field", ["instruction", "response", "code", "entry_point", "seed_id", "detail"])
def test_hostile_text_is_printed_as_text(field: str) -> None:
    text = shown(print_sample, sample(**{field: HOSTILE}, dropped="verify.failed"))
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    for part in (
        "[red]not markup[/red] [/]",
        "[link=http://x.invalid]",
        "<U+001B>]0;title<U+0007>",
        ":bomb:",
        "<b>raw",
    ):
        assert part in text


def test_a_story_tells_every_event_in_order_and_the_end() -> None:
    asked = Asked(template="task.j2", role="teacher", messages=(("user", "the prompt"),), completion="the answer",
                  prompt_tokens=12, completion_tokens=34, finish_reason="length")  # fmt: skip
    judged = Judged(status="timeout", stderr="killed after 10 s")
    story = Story(sample=sample().drop("verify.timeout"), events=[asked, judged])
    text = shown(print_story, story)
    parts = ["1. task.j2", "12 + 34 tokens", "finish: length", "the prompt", "the answer", "2. sandbox: timeout",
             "killed after 10 s", "verify.timeout"]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_hostile_completions_prompts_and_errors_are_printed_as_text() -> None:
    asked = Asked(
        template=HOSTILE,
        role="judge",
        messages=((HOSTILE, HOSTILE),),
        completion=HOSTILE,
        model=HOSTILE,
        finish_reason=HOSTILE,
    )
    judged = Judged(
        status=HOSTILE, code=HOSTILE, stdout=HOSTILE, stderr=HOSTILE, tests=(TestOutcome(test=HOSTILE, passed=False),)
    )
    text = shown(print_story, Story(sample=sample(), events=[asked, judged]), width=2_000)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert text.count("[red]not markup[/red] [/]") == 11


def test_an_empty_completion_is_said_to_be_empty() -> None:
    asked = Asked(template="t.j2", role="teacher", messages=(("user", "p"),), completion=" \n")
    assert "(an empty completion)" in shown(print_story, Story(sample=sample(), events=[asked]))


def test_nothing_of_a_long_row_is_cut() -> None:
    words = [f"word{number}" for number in range(600)]
    text = shown(print_sample, sample(instruction=" ".join(words), code="\n".join(words)), width=60)
    assert all(text.count(f"{word} ") == 2 for word in words)
