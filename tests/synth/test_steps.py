"""One row: what each step does with answers good and bad, over real HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Scripted, reply_body, serve

from synth.budget import Budget
from synth.calls import Price
from synth.errors import RecipeError, TeacherRefused, TeacherUnreachable
from synth.kitchen import Kitchen, LimitReached
from synth.ledger import Ledger
from synth.recipe import Recipe
from synth.sample import Sample
from synth.schema import near
from synth.seeds import Seed
from synth.steps import Row
from synth.teacher import Limits, Teacher

HEAD = "about: t\nsteps:\n"
EMIT = '  - emit: {instruction: "{{ a }}", response: r}\n'
SEED = Seed(id="s1", text="seed text", source="test", license="MIT")


def script_of(answer: Callable[[dict[str, Any]], Answer] | Answer) -> Scripted:
    return Scripted(answer if callable(answer) else lambda _: answer)


def cook(
    tmp_path: Path,
    steps: str,
    answer: Callable[[dict[str, Any]], Answer] | Answer = "fine",
    seed_of_row: Seed = SEED,
    **settings: Any,
) -> tuple[Sample, Scripted]:
    """One row of a recipe made of `steps`, whose template `t.j2` shows the seed."""
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(HEAD + steps)
    (folder / "t.j2").write_text("{{ seed.text }}")
    script = script_of(answer)

    async def run() -> Sample:
        with serve(script), Ledger(tmp_path / "run") as ledger:
            teacher = Teacher(
                name="scripted:x",
                model="scripted",
                base_url=script.base_url,
                api_key="k",
                limits=Limits(concurrency=4),
                price=Price(prompt=1e6, completion=2e6),
                pause_s=lambda _: 0.01,
            )
            async with teacher:
                return await Row(
                    seed_of_row, Kitchen(recipe=Recipe(folder), ledger=ledger, teacher=teacher, **settings)
                ).cook()

    return asyncio.run(run()), script


def test_a_refused_seed_is_dropped_before_anything_is_asked(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: a}\n" + EMIT
    sample, script = cook(tmp_path, steps, refuse_seed=lambda seed: f"HumanEval/0: {seed.text}")
    assert (sample.dropped, sample.detail) == ("seed.contaminated", "HumanEval/0: seed text")
    assert script.prompts() == []


def test_answer_becomes_the_row_with_what_it_cost(tmp_path: Path) -> None:
    sample, script = cook(tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT)
    assert (sample.dropped, sample.instruction, sample.response) == (None, "fine", "r")
    assert script.prompts() == ["seed text"]
    made = sample.provenance
    assert (made.calls, made.prompt_tokens, made.completion_tokens, made.cost_usd) == (1, 7, 5, 17.0)
    assert (made.seed_license, made.teacher) == ("MIT", "scripted:x")
    assert set(made.templates) == {"recipe.yaml", "t.j2"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, reply_body("half of", finish_reason="length")), "ask.truncated"),
        ((200, reply_body("", finish_reason="stop")), "ask.empty"),
        ((200, reply_body("no", finish_reason="content_filter")), "ask.refused"),
        ((400, {"error": {"message": "too long", "code": "context_length_exceeded"}}), "ask.refused"),
        ("no tags", "parse.no_tag"),
    ],
)
def test_unusable_answer_drops_the_row_with_its_reason(tmp_path: Path, answer: Answer, reason: str) -> None:
    sample, _ = cook(tmp_path, "  - ask: {template: t.j2, tags: [a]}\n" + EMIT, answer)
    assert sample.dropped == reason


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((401, {"error": {"message": "bad key"}}), TeacherRefused, "key was refused .* OPENAI_API_KEY"),
        ((404, {"error": {"message": "no such"}}), TeacherRefused, "no model 'scripted'"),
        ((429, {"error": {"message": "pay", "code": "insufficient_quota"}}), TeacherRefused, "no credit left"),
        ((503, {"error": {"message": "busy"}}), TeacherUnreachable, "failed 12 times"),
    ],
)
def test_refusal_stops_the_run_in_one_line(tmp_path: Path, answer: Answer, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        cook(tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT, answer)
    assert "\n" not in str(caught.value)


def test_passing_fault_is_retried_and_paid_once(tmp_path: Path) -> None:
    answers: list[Answer] = [(500, {}), (429, {"error": {"message": "slow down"}}), "fine"]
    sample, script = cook(tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT, lambda _: answers.pop(0))
    assert sample.instruction == "fine"
    assert (len(script.received), sample.provenance.calls) == (3, 1)


def test_candidates_differ_in_temperature_and_seed(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: c, candidates: 3, temperature: [0.2, 0.9]}\n"
    sample, script = cook(tmp_path, steps + EMIT.replace("{{ a }}", "{{ c | join('+') }}"), seed=5)
    asked = sorted((body["seed"], body["temperature"]) for body in script.received)
    assert asked == [(5, 0.2), (6, 0.9), (7, 0.9)]
    assert sample.instruction == "fine+fine+fine"


def test_row_lives_while_one_candidate_can_be_read(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: c, candidates: 3, code: python}\n"
    good = "```python\ndef f(): return 1\n```"
    emit = EMIT.replace("{{ a }}", "{{ c | length }}")
    sample, _ = cook(tmp_path, steps + emit, lambda body: good if body["seed"] == 1 else "sorry")
    assert (sample.instruction, sample.code, sample.evidence) == ("1", "def f(): return 1", "none")


def test_json_answer_is_asked_for_by_schema_and_becomes_a_score(tmp_path: Path) -> None:
    steps = (
        "  - ask: {template: t.j2, json: {score: integer}}\n"
        '  - keep: {if: "score >= 3", drop: seed.low_value}\n'
        '  - emit: {instruction: "{{ score }}", response: r, scores: [score]}\n'
    )
    sample, script = cook(tmp_path, steps, '{"score": 4}')
    assert sample.scores == {"score": 4.0}
    assert script.received[0]["response_format"]["json_schema"]["schema"]["required"] == ["score"]
    (tmp_path / "low").mkdir()
    assert cook(tmp_path / "low", steps, '{"score": 2}')[0].dropped == "seed.low_value"


def test_skipped_step_asks_nothing_and_sets_none(tmp_path: Path) -> None:
    steps = '  - ask: {template: t.j2, as: a, when: "judge"}\n' + EMIT.replace("{{ a }}", "{{ a is none }}")
    sample, script = cook(tmp_path, steps)
    assert sample.instruction == "True"
    assert script.received == []


def test_skipped_step_leaves_what_the_other_of_two_ways_has_set(tmp_path: Path) -> None:
    steps = (
        '  - ask: {template: t.j2, as: a, when: "not judge"}\n'
        '  - write: {template: t.j2, as: a, when: "judge"}\n' + EMIT
    )
    assert cook(tmp_path, steps, "from the teacher")[0].instruction == "from the teacher"


def test_drawn_values_depend_on_seed_and_row_alone(tmp_path: Path) -> None:
    steps = "  - sample: {level: {easy: 1, hard: 1}, kind: {x: 1, y: 1, z: 1}}\n"
    steps += EMIT.replace("{{ a }}", "{{ level }}{{ kind }}")
    one, two = (cook(tmp_path, steps, seed=3)[0].instruction for _ in range(2))
    others = {cook(tmp_path, steps, seed=seed)[0].instruction for seed in range(12)}
    assert one == two
    assert len(others) > 2


def test_repeat_feeds_each_round_with_the_last(tmp_path: Path) -> None:
    steps = (
        "  - write: {template: t.j2, as: a}\n"
        "  - repeat: {rounds: 3, steps: [{ask: {template: more.j2, as: a}}]}\n" + EMIT
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "more.j2").write_text("{{ a }}!")
    sample, _ = cook(tmp_path, steps, lambda body: body["messages"][-1]["content"])
    assert sample.instruction == "seed text!!!"
    assert sample.provenance.calls == 3


def test_budget_stops_before_the_call_that_would_pass_it(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: a, candidates: 5}\n" + EMIT
    with pytest.raises(LimitReached, match="--max-calls 3"):
        cook(tmp_path, steps, budget=Budget(max_calls=3))


def test_same_request_in_two_rows_is_paid_once(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(HEAD + "  - ask: {template: t.j2, as: a}\n" + EMIT)
    (folder / "t.j2").write_text("the same for all")
    script = Scripted(lambda _: "fine", delay_s=0.1)

    async def run() -> list[Sample]:
        with serve(script), Ledger(tmp_path / "run") as ledger:
            teacher = Teacher(
                name="t", model="scripted", base_url=script.base_url, api_key="k", limits=Limits(concurrency=8)
            )
            async with teacher:
                kitchen = Kitchen(recipe=Recipe(folder), ledger=ledger, teacher=teacher)
                return await asyncio.gather(*(Row(SEED, kitchen).cook() for _ in range(5)))

    assert [sample.instruction for sample in asyncio.run(run())] == ["fine"] * 5
    assert len(script.received) == 1


def test_lone_surrogate_in_an_answer_does_no_harm(tmp_path: Path) -> None:
    sample, _ = cook(tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT, (200, reply_body("a\ud800b")))
    assert sample.instruction == "a?b"


def test_near_misses_are_named_else_all_is_listed() -> None:
    assert near("tempature", ["temperature", "top_p"]) == "did you mean temperature?"
    assert near("zzz", ["b", "a"]) == "known: a, b"


def cut_below(room: int) -> Callable[[dict[str, Any]], Answer]:
    return lambda body: (
        200,
        reply_body(
            "whole" if body["max_tokens"] >= room else "ha",
            finish_reason="stop" if body["max_tokens"] >= room else "length",
        ),
    )


def test_answer_cut_short_is_asked_again_with_the_next_room(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: a, max_tokens: [16, 64, 256]}\n" + EMIT
    sample, script = cook(tmp_path, steps, cut_below(64))
    assert sample.instruction == "whole"
    assert [body["max_tokens"] for body in script.received] == [16, 64]
    assert (sample.provenance.calls, len(sample.provenance.asked)) == (2, 2)


def test_answer_cut_short_in_every_room_is_truncated(tmp_path: Path) -> None:
    steps = "  - ask: {template: t.j2, as: a, max_tokens: [16, 64]}\n" + EMIT
    sample, script = cook(tmp_path, steps, cut_below(1000))
    assert (sample.dropped, sample.detail) == ("ask.truncated", "longer than max_tokens 64")
    assert len(script.received) == 2


def test_rooms_are_checked_at_load(tmp_path: Path) -> None:
    for rooms in ("[]", "[16, 0]", "0", "[x]"):
        with pytest.raises(RecipeError, match="max_tokens"):
            cook(tmp_path, f"  - ask: {{template: t.j2, as: a, max_tokens: {rooms}}}\n" + EMIT)


def test_call_that_alone_fails_drops_its_row_and_is_tried_again_next_time(tmp_path: Path) -> None:
    healed: list[bool] = []

    def poisoned(body: dict[str, Any]) -> Answer:
        return (500, {}) if body["seed"] == 1 and not healed else "fine"

    steps = "  - ask: {template: t.j2, as: c, candidates: 2}\n" + EMIT.replace("{{ a }}", "{{ c | join('+') }}")
    sample, _ = cook(tmp_path, steps, poisoned)
    assert sample.dropped == "ask.failed"
    assert "failed 12 times while other calls were answered (500" in sample.detail
    healed.append(True)
    sample, script = cook(tmp_path, steps, poisoned)
    assert (sample.instruction, len(script.received)) == ("fine+fine", 1)


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(max_calls=2), 2),
        (Budget(max_tokens=60), 3),  # a call takes 12, and may take 28.5
        (Budget(max_cost_usd=60.0), 2),  # 17 dollars, and may take 36.5
        (Budget(max_tokens=5), 0),
    ],
)
def test_caps_are_never_passed(tmp_path: Path, budget: Budget, calls: int) -> None:
    steps = "  - ask: {template: t.j2, as: c, candidates: 8, max_tokens: 8}\n" + EMIT.replace("{{ a }}", "x")
    with pytest.raises(LimitReached, match="is used up"):
        cook(tmp_path, steps, budget=budget)
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        spent = ledger.spent()
    assert spent.calls == calls
    assert spent.prompt_tokens + spent.completion_tokens <= (budget.max_tokens or 10**9)
    assert (spent.cost_usd or 0.0) <= (budget.max_cost_usd or 10**9)


def test_repeat_that_undoes_goes_on_from_the_last_round_that_held(tmp_path: Path) -> None:
    steps = (
        "  - write: {template: t.j2, as: a}\n"
        "  - repeat: {rounds: 4, on_fail: undo, steps: [{ask: {template: more.j2, as: a}}, {keep: {if: \"a != 'bad'\", "
        "drop: evol.bad}}]}\n"
        '  - emit: {instruction: "{{ a }} after {{ rounds }}", response: r}\n'
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "more.j2").write_text("{{ a }} in round {{ round }}")
    answers = {"seed text in round 1": "one", "one in round 2": "bad", "one in round 3": "bad", "one in round 4": "two"}
    sample, _ = cook(tmp_path, steps, lambda body: answers[body["messages"][-1]["content"]])
    assert (sample.dropped, sample.instruction) == (None, "two after 2")
    assert sample.provenance.calls == 4


def test_repeat_that_stops_keeps_what_held_and_asks_no_more(tmp_path: Path) -> None:
    steps = (
        "  - repeat: {rounds: 5, on_fail: stop, steps: [{ask: {template: t.j2, tags: [a]}}]}\n"
        '  - keep: {if: "rounds >= 1", drop: evol.eliminated}\n' + EMIT
    )
    sample, script = cook(tmp_path, steps, "no tag")
    assert (sample.dropped, len(script.received)) == ("evol.eliminated", 1)


def test_every_round_draws_anew(tmp_path: Path) -> None:
    steps = (
        '  - write: {template: t.j2, as: a}\n  - repeat: {rounds: 12, steps: [{sample: {way: [x, "y", z]}}, '
        "{write: {template: more.j2, as: a}}]}\n" + EMIT
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "more.j2").write_text("{{ a }}{{ way }}")
    sample, _ = cook(tmp_path, steps)
    assert set(sample.instruction.removeprefix("seed text")) == {"x", "y", "z"}


def test_choices_come_from_a_file_in_the_rows_language_or_from_an_answer(tmp_path: Path) -> None:
    steps = (
        "  - ask: {template: t.j2, json: {concepts: array}}\n"
        "  - sample: {who: people.yaml, concept: concepts}\n" + EMIT.replace("{{ a }}", "{{ who }}: {{ concept }}")
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "people.yaml").write_text("{baker: 3}")
    (tmp_path / "mine" / "people.zh.yaml").write_text("[面包师]", encoding="utf-8")
    (tmp_path / "mine" / "t.zh.j2").write_text("问：{{ seed.text }}", encoding="utf-8")
    assert cook(tmp_path, steps, '{"concepts": ["loops"]}')[0].instruction == "baker: loops"
    assert cook(tmp_path, steps, '{"concepts": ["循环"]}', locale="zh")[0].instruction == "面包师: 循环"
    other = dataclasses.replace(SEED, text="another")
    assert cook(tmp_path, steps, '{"concepts": []}', other)[0].instruction == "baker: None"


def test_language_is_drawn_among_those_that_can_be_run_and_names_itself(tmp_path: Path) -> None:
    steps = "  - sample: {language: {cpp: 1, rust: 50, go: 50}}\n" + EMIT.replace(
        "{{ a }}", "{{ language }} {{ language_name }} {{ tests_are }}"
    )
    sample, _ = cook(tmp_path, steps, languages=("python", "cpp"))
    assert sample.language == "cpp"
    assert sample.instruction == "cpp C++ statements: `assert(add(1, 2) == 3);`"


def test_seed_that_says_its_language_decides_for_its_row(tmp_path: Path) -> None:
    seed = dataclasses.replace(SEED, locale="zh", language="go")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t.zh.j2").write_text("种子：{{ seed.text }}", encoding="utf-8")
    sample, script = cook(tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT, seed_of_row=seed)
    assert (sample.locale, sample.language) == ("zh", "go")
    assert script.prompts() == ["种子：seed text"]


def test_document_of_a_row_is_its_text(tmp_path: Path) -> None:
    sample, _ = cook(
        tmp_path, "  - ask: {template: t.j2, as: a}\n" + EMIT.replace("response: r", 'response: r, text: "# {{ a }}"')
    )
    assert sample.text == "# fine"
