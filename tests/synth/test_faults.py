"""Whatever an endpoint does, a run ends with the dataset of a faultless one, or in one line and goes on from there."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import (
    LASTING,
    REFUSED,
    TRANSIENT,
    Account,
    Body,
    Faults,
    FaultServer,
    Reply,
    answer_of,
    good,
    identity,
    refusal,
    serve_faults,
)
from plain_run import RECIPE, PlainRun, one_line, teach

from synth.errors import SynthError, TeacherError, TeacherRefused, TeacherUnreachable
from synth.export import read_samples
from synth.kitchen import Kitchen
from synth.ledger import Ledger
from synth.recipe import Recipe
from synth.sample import Sample
from synth.seeds import Seed
from synth.steps import Row, together
from synth.teacher import Limits, Teacher

SLOW = {"hang": 0.2, "trickle": 0.2, "429_seconds": 0.2, "429_date": 0.2}
"""Weights of what takes a second or more each time; all other faults weigh 1."""
REASONS = {
    "length": "ask.truncated",
    "content_filter": "ask.refused",
    "refusal": "ask.refused",
    "too_long": "ask.refused",
    "null_content": "ask.empty",
}
"""How a row ends whose answer is one of these; after the other lasting faults it is kept."""


def reasons_of(server: FaultServer) -> dict[str, int]:
    """The drops that the lasting faults of the bodies seen call for."""
    kinds = [server.faults.lasting(body) for body in server.attempts]
    reasons = [REASONS[kind] for kind in kinds if kind in REASONS]
    return {reason: reasons.count(reason) for reason in reasons}


def test_thirty_percent_faults_give_the_dataset_of_a_faultless_run_and_lose_no_seed(tmp_path: Path) -> None:
    run = PlainRun(home=tmp_path, num_seeds=2000)
    faults = Faults(seed=5, share=0.3, kinds=dict.fromkeys(TRANSIENT, 1.0) | SLOW, lasting_share=0.05)
    with serve_faults(FaultServer(teach, dataclasses.replace(faults, share=0.0))) as faultless:
        done = run.run(faultless.base_url, "--concurrency", "64", out="faultless")
        assert done.returncode == 0, done.stderr
    with serve_faults(FaultServer(teach, faults, astray_after=200)) as server:
        done = run.run(server.base_url, "--concurrency", "64", "--timeout", "4", out="faulty")
        assert done.returncode == 0, done.stderr
    assert set(server.met) >= set(TRANSIENT)
    assert sum(server.met[kind] for kind in TRANSIENT) > 0.25 * len(server.arrived)
    funnel = run.funnel("faulty")
    assert funnel["dropped"] == reasons_of(server)
    assert funnel["kept"] + sum(funnel["dropped"].values()) == funnel["seeds"] == 2000
    assert run.dataset("faulty") == run.dataset("faultless")
    assert max(server.delivered.values()) == 1, "a completed call was repeated"


@pytest.mark.parametrize("kind", ["429", "503", "reset_before", "html"])
def test_endpoint_that_fails_at_first_is_asked_for_its_models_again(tmp_path: Path, kind: str) -> None:
    run = PlainRun(home=tmp_path, num_seeds=1)
    with serve_faults(FaultServer(teach, listings=[TRANSIENT[kind]({})])) as server:
        assert run.cook(server.base_url).batch.funnel.kept == 1


def ask(home: Path, server: FaultServer, *, timeout_s: float = 60.0, at_once: int = 4) -> list[Sample]:
    """Four rows side by side, by a teacher that hardly pauses between its tries."""

    async def rows() -> list[Sample]:
        with Ledger(home / "run") as ledger:
            made = Teacher(
                name="t",
                model="scripted",
                base_url=server.base_url,
                api_key="k",
                limits=Limits(concurrency=at_once, timeout_s=timeout_s),
                pause_s=lambda _: 0.02,
            )
            async with made as teacher:
                kitchen = Kitchen(recipe=Recipe(home / "plain"), ledger=ledger, teacher=teacher)
                seeds = [Seed(id=str(number), text=f"subject {number}") for number in range(4)]
                return await together([Row(seed, kitchen).cook() for seed in seeds])

    return asyncio.run(rows())


@pytest.fixture(scope="module")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """The four rows as they are when nothing happens."""
    home = PlainRun(home=tmp_path_factory.mktemp("faultless")).home
    with serve_faults(FaultServer(teach)) as server:
        return ask(home, server)


@pytest.mark.parametrize("kind", [kind for kind in TRANSIENT if kind != "astray"])
def test_fault_that_goes_away_leaves_no_trace(tmp_path: Path, kind: str, faultless: list[Sample]) -> None:
    PlainRun(home=tmp_path)
    faults = Faults(share=1.0, kinds={kind: 1.0}, most_in_a_row=1)
    waits = kind in ("hang", "trickle")
    with serve_faults(FaultServer(teach, faults)) as server:
        assert ask(tmp_path, server, timeout_s=1.5 if waits else 60.0) == faultless
    assert server.met[kind] == 4
    if not waits:  # on a busy machine a good answer may come after a timeout so short
        assert set(server.delivered.values()) == {1}


def test_answer_of_another_model_is_asked_for_again(tmp_path: Path, faultless: list[Sample]) -> None:
    PlainRun(home=tmp_path)
    faults = Faults(share=1.0, kinds={"astray": 1.0}, most_in_a_row=1)
    with serve_faults(FaultServer(teach, faults, astray_after=1)) as server:
        assert ask(tmp_path, server, at_once=1) == faultless
    assert server.met["astray"] == 3


@pytest.mark.parametrize("kind", LASTING)
def test_odd_answer_ends_its_row_the_same_way_each_time_and_is_paid_once(tmp_path: Path, kind: str) -> None:
    PlainRun(home=tmp_path)
    with serve_faults(FaultServer(teach, Faults(lasting_share=1.0, lasting_kinds=(kind,)))) as server:
        samples = ask(tmp_path, server)
        assert [sample.dropped for sample in samples] == [REASONS.get(kind)] * 4
        assert ask(tmp_path, server) == samples
    assert len(server.arrived) == server.met[kind] == 4


def test_truncated_answer_is_asked_for_again_with_more_room(tmp_path: Path) -> None:
    def short_of_room(body: Body) -> str | Reply:
        return good(answer_of(teach(body), finish_reason="length")) if body["max_tokens"] < 1024 else teach(body)

    run = PlainRun(home=tmp_path, num_seeds=4, recipe=RECIPE.replace("tags:", "max_tokens: [256, 1024], tags:"))
    with serve_faults(FaultServer(short_of_room)) as server:
        assert run.cook(server.base_url).batch.funnel.kept == 4
    assert len(server.arrived) == len(server.delivered) == 8
    assert {sample.provenance.calls for sample in read_samples(tmp_path / "run" / "samples.parquet")} == {2}


def test_answer_that_is_truncated_in_all_the_room_there_is_drops_its_row(tmp_path: Path) -> None:
    run = PlainRun(home=tmp_path, num_seeds=4, recipe=RECIPE.replace("tags:", "max_tokens: [256, 1024], tags:"))
    with serve_faults(FaultServer(teach, Faults(lasting_share=1.0, lasting_kinds=("length",)))) as server:
        funnel = run.cook(server.base_url).batch.funnel
    assert (funnel.dropped, len(server.arrived)) == ({"ask.truncated": 4}, 8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The dataset of twenty seeds that nothing happened to."""
    run = PlainRun(home=tmp_path_factory.mktemp("whole"))
    with serve_faults(FaultServer(teach)) as server:
        run.cook(server.base_url)
    return run.dataset()


@pytest.mark.parametrize("kind", REFUSED)
def test_account_refused_in_mid_run_stops_it_and_the_same_again_pays_nothing_twice(
    tmp_path: Path, kind: str, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(teach, accounts={"old": Account(9, REFUSED[kind])}, latency_s=0.2)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "old")
        with pytest.raises(TeacherRefused) as stopped:
            run.cook(server.base_url, concurrency=4)
        assert "\n" not in str(stopped.value)
        with Ledger(tmp_path / "run", read_only=True) as ledger:
            assert ledger.spent().calls == sum(server.delivered.values()) == 9
        monkeypatch.setenv("OPENAI_API_KEY", "new")
        run.cook(server.base_url)
    assert run.dataset() == whole
    assert set(server.delivered.values()) == {1}


def test_expired_key_is_one_line_on_the_terminal(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(teach, accounts={"old": Account(9, REFUSED["401"])})) as server:
        said = one_line(run.run(server.base_url, "--concurrency", "4", key="old"))
        assert "the key was refused" in said
        assert "OPENAI_API_KEY" in said
        monkeypatch.setenv("OPENAI_API_KEY", "new")
        run.cook(server.base_url)
    assert run.dataset() == whole


@pytest.mark.parametrize(
    ("said", "waited_for"),
    [
        (Reply(ending="hang"), "in flight"),
        (refusal(429, "rate_limit_exceeded", "too many at once"), "too many at once"),
        (refusal(429, "rate_limit_exceeded", "until midnight", retry_after="80000"), "until midnight"),
    ],
)
def test_endpoint_that_answers_nothing_any_more_stops_the_run_with_what_it_waited_for(
    tmp_path: Path, said: Reply, waited_for: str
) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(lambda body: said if "subject 1" in identity(body) else teach(body))) as server:
        begun = time.monotonic()
        with pytest.raises(TeacherUnreachable, match=waited_for) as stopped:
            run.cook(server.base_url, concurrency=2, stall_s=2.0)
    assert "\n" not in str(stopped.value)
    assert "run the same command again" in str(stopped.value)
    assert time.monotonic() - begun < 60, "it waited for more than it was told to"


def _page(status: int, text: bytes = b"<html>no") -> Reply:
    return Reply(payload=text, status=status, content_type="text/html")


@pytest.mark.parametrize(
    "listing",
    [
        _page(200),
        _page(200, b"\xff\xfe"),
        _page(200, b"[" * 100_000),
        _page(200, b'{"data": [{"id": 7}, {"id": "another"}]}'),
        _page(401),
        refusal(402, "payment_required"),
        Reply(status=302, headers={"location": "http://["}),
        Reply(payload=b" " * 10_000_000),
    ],
)
def test_endpoint_that_is_none_is_one_line_before_anything_is_asked(tmp_path: Path, listing: Reply) -> None:
    run = PlainRun(home=tmp_path)
    with serve_faults(FaultServer(teach, listings=[listing] * 20)) as server, pytest.raises(SynthError) as stopped:
        run.cook(server.base_url)
    assert server.base_url in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert server.arrived == []


def failing(times: int, reply: Reply, which: str) -> Callable[[Body], str | Reply]:
    """Says `reply` so many times to each request that holds `which`, then answers."""
    said: Counter[str] = Counter()

    def answer(body: Body) -> str | Reply:
        name = identity(body)
        said[name] += which in name
        return reply if 0 < said[name] <= times else teach(body)

    return answer


def test_call_that_fails_for_good_among_others_drops_its_row_and_is_asked_again_next_time(tmp_path: Path) -> None:
    PlainRun(home=tmp_path)
    with serve_faults(FaultServer(failing(12, refusal(500, "server_error", "out of order"), "subject 2"))) as server:
        samples = ask(tmp_path, server)
        assert [sample.dropped for sample in samples] == [None, None, "ask.failed", None]
        assert "out of order" in samples[2].detail
        assert [sample.dropped for sample in ask(tmp_path, server)] == [None] * 4
    assert set(server.delivered.values()) == {1}


def test_call_is_tried_twelve_times_before_it_is_given_up(tmp_path: Path) -> None:
    PlainRun(home=tmp_path)
    with serve_faults(FaultServer(failing(11, refusal(500, "server_error"), "subject 2"))) as server:
        assert [sample.dropped for sample in ask(tmp_path, server)] == [None] * 4
    assert max(server.attempts.values()) == 12


def test_throttled_call_may_be_throttled_more_often_than_a_failing_one_may_fail(tmp_path: Path) -> None:
    PlainRun(home=tmp_path)
    throttled = refusal(429, "rate_limit_exceeded", retry_after="0")
    with serve_faults(FaultServer(failing(30, throttled, "subject"))) as server:
        assert [sample.dropped for sample in ask(tmp_path, server)] == [None] * 4
    assert set(server.attempts.values()) == {31}


@pytest.mark.parametrize("kind", ["500", "reset_before", "html", "no_json"])
def test_endpoint_where_nobody_is_answered_stops_the_run_in_one_line(tmp_path: Path, kind: str) -> None:
    PlainRun(home=tmp_path)
    spoiled = TRANSIENT[kind](answer_of("x"))
    with serve_faults(FaultServer(lambda _: spoiled)) as server, pytest.raises(TeacherError) as stopped:
        ask(tmp_path, server)
    assert server.base_url in str(stopped.value)
    assert "\n" not in str(stopped.value)
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.spent().calls == 0
