"""The batch endpoint: the same dataset as by single calls, and nothing submitted twice, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer
from scripted_batches import Provider, provide

from synth.batches import BatchLimits, BatchTeacher
from synth.calls import Price, Request
from synth.engine import cook
from synth.errors import SynthError, TeacherRefused, TeacherUnreachable
from synth.kitchen import Kitchen
from synth.ledger import Ledger
from synth.recipe import Recipe
from synth.sample import Sample
from synth.seeds import Seed
from synth.teacher import Limits, Teacher

RECIPE = """
about: t
steps:
  - ask: {template: first.j2, as: a}
  - ask: {template: second.j2, as: b}
  - emit: {instruction: "{{ a }}", response: "{{ b }}"}
"""
ROOT = Path(__file__).parents[2]
QUICK = BatchLimits(settle_s=0.05)
PRICE = Price(prompt=1e6, completion=0.0)


def echo(body: dict[str, Any]) -> str:
    """Lines end in JSON only at a line feed, whatever else ends one elsewhere."""
    return f"answer to \u2028 {body['messages'][-1]['content']} \u0085 \U0001f980"


def write_recipe(folder: Path) -> Path:
    recipe = folder / "mine"
    recipe.mkdir(exist_ok=True)
    (recipe / "recipe.yaml").write_text(RECIPE)
    (recipe / "first.j2").write_text("number {{ seed.text }}")
    (recipe / "second.j2").write_text("again {{ seed.text }}: {{ a }}")
    return recipe


@dataclass
class Run:
    """What a run in `folder` came to."""

    samples: list[Sample]
    said: list[str]

    @property
    def kept(self) -> int:
        return sum(sample.dropped is None for sample in self.samples)

    @property
    def dropped(self) -> Counter[str]:
        return Counter(sample.dropped for sample in self.samples if sample.dropped is not None)


def run(
    folder: Path, base_url: str, *, num_seeds: int = 12, limits: BatchLimits = QUICK, at_once: int = 100, **kitchen: Any
) -> Run:
    """One run by batch, in this process."""
    outcome = Run([], [])
    seeds = iter(Seed(id=f"s{i}", text=str(i)) for i in range(num_seeds))
    recipe = Recipe(write_recipe(folder))

    async def main() -> None:
        single = Teacher(
            name="t", model="scripted", base_url=base_url, api_key="k", limits=Limits(concurrency=4), price=PRICE
        )
        with Ledger(folder / "run") as ledger:
            batch = BatchTeacher(single, ledger, limits=limits, pause_s=lambda _: 0.02, say=outcome.said.append)
            async with single, batch as teacher:
                cooked = Kitchen(recipe=recipe, ledger=ledger, teacher=teacher, **kitchen)
                await cook(
                    cooked, seeds, rows=None, at_once=at_once, admit=lambda rows: rows, emit=outcome.samples.append
                )

    asyncio.run(main())
    return outcome


def fails(folder: Path, base_url: str, error: type[SynthError] = SynthError, **settings: Any) -> str:
    """The line with which a run stops."""
    with pytest.raises(error) as stop:
        run(folder, base_url, **settings)
    assert "\n" not in str(stop.value)
    return str(stop.value)


def assert_once(script: Provider) -> None:
    assert set(script.submitted.values()) == {1}


def open_batches(folder: Path) -> int:
    with Ledger(folder / "run", read_only=True) as ledger:
        return len(ledger.open_batches())


def test_rows_share_a_batch_for_each_step(tmp_path: Path) -> None:
    with provide(Provider(echo)) as script:
        outcome = run(tmp_path, script.base_url)
    assert (outcome.kept, script.sizes()) == (12, [12, 12])
    assert (
        outcome.samples[3].response == f"answer to \u2028 again 3: {outcome.samples[3].instruction} \u0085 \U0001f980"
    )
    assert not list((tmp_path / "run" / "batches").iterdir())
    assert open_batches(tmp_path) == 0


def test_answers_are_priced_and_counted_once(tmp_path: Path) -> None:
    with provide(Provider(echo, untidy=True)) as script:
        run(tmp_path, script.base_url)
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        spent = ledger.spent()
    assert (spent.calls, spent.prompt_tokens, spent.cost_usd) == (24, 24 * 7, 24 * 7.0)


def test_shuffled_repeated_unknown_and_unreadable_lines_change_nothing(tmp_path: Path) -> None:
    with provide(Provider(echo, untidy=True)) as script:
        untidy = run(tmp_path, script.base_url)
    (tmp_path / "tidy").mkdir()
    with provide(Provider(echo)) as script:
        tidy = run(tmp_path / "tidy", script.base_url)
    assert untidy.samples == tidy.samples
    passed_over = ("2 repeated lines passed over", "1 unknown lines passed over", "1 unreadable lines passed over")
    assert any(all(odd in line for odd in passed_over) for line in untidy.said)


def test_batch_leaves_when_it_has_its_most_requests(tmp_path: Path) -> None:
    limits = BatchLimits(settle_s=0.05, max_requests=5, max_open=2)
    with provide(Provider(echo)) as script:
        assert run(tmp_path, script.base_url, limits=limits).kept == 12
    assert max(script.sizes()) == 5
    assert_once(script)


def test_no_file_is_larger_than_the_provider_takes(tmp_path: Path) -> None:
    limits = BatchLimits(settle_s=0.05, max_bytes=1000)
    with provide(Provider(echo)) as script:
        assert run(tmp_path, script.base_url, limits=limits).kept == 12
    uploads = [script.files[job.input_file] for job in script.jobs.values()]
    assert 500 < max(map(len, uploads)) <= 1000
    assert_once(script)


def test_no_more_batches_are_open_than_allowed(tmp_path: Path) -> None:
    most = 0

    def count(route: str, moment: str) -> None:
        nonlocal most
        if (route, moment) == ("POST /batches", "after"):
            most = max(most, sum(job.status == "in_progress" for job in script.jobs.values()))

    limits = BatchLimits(settle_s=0.02, max_requests=2, max_open=3)
    with provide(Provider(echo, hook=count, looks=4)) as script:
        assert run(tmp_path, script.base_url, limits=limits).kept == 12
    assert most == 3


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_an_expired_batch_left_goes_with_the_next(tmp_path: Path, share: float) -> None:
    with provide(Provider(echo, ends=["expired"], share=share)) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert set(script.paid.values()) == {1}
    assert script.sizes()[1] >= 12 * (1 - share)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_request_that_failed_is_sent_again_and_no_other(tmp_path: Path, status: int) -> None:
    tries = Counter[str]()

    def fail_twice(body: dict[str, Any]) -> Answer:
        prompt = body["messages"][-1]["content"]
        tries[prompt] += 1
        return (status, {"error": {"message": "busy"}}) if prompt == "number 5" and tries[prompt] < 3 else echo(body)

    with provide(Provider(fail_twice)) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert tries["number 5"] == 3
    assert set(script.paid.values()) == {1}


def test_request_that_fails_for_good_ends_its_row(tmp_path: Path) -> None:
    def fail(body: dict[str, Any]) -> Answer:
        return (500, {"error": {"message": "no"}}) if body["messages"][-1]["content"] == "number 5" else echo(body)

    with provide(Provider(fail)) as script:
        outcome = run(tmp_path, script.base_url)
    assert (outcome.kept, outcome.dropped) == (11, {"ask.failed": 1})


def test_provider_that_answers_nothing_stops_the_run(tmp_path: Path) -> None:
    with provide(Provider(lambda _: (500, {"error": {"message": "no"}}))) as script:
        assert "4 batches answered nothing (500 no)" in fails(tmp_path, script.base_url, TeacherUnreachable)


def test_answer_that_is_none_is_asked_for_again(tmp_path: Path) -> None:
    first = threading.Event()

    def empty_once(body: dict[str, Any]) -> Answer:
        if body["messages"][-1]["content"] != "number 5" or first.is_set():
            return echo(body)
        first.set()
        return (200, {"choices": []})

    with provide(Provider(empty_once)) as script:
        assert run(tmp_path, script.base_url).kept == 12


def test_prompt_that_is_refused_drops_its_row(tmp_path: Path) -> None:
    def refuse(body: dict[str, Any]) -> Answer:
        error = {"error": {"message": "too long", "code": "context_length_exceeded"}}
        return (400, error) if body["messages"][-1]["content"] == "number 5" else echo(body)

    with provide(Provider(refuse)) as script:
        outcome = run(tmp_path, script.base_url)
    assert (outcome.kept, outcome.dropped) == (11, {"ask.refused": 1})
    assert_once(script)


def test_line_that_is_about_all_stops_and_the_rest_is_not_paid_for_again(tmp_path: Path) -> None:
    bad = [True]

    def forbid(body: dict[str, Any]) -> Answer:
        hit = bad[0] and body["messages"][-1]["content"] == "number 5"
        return (401, {"error": {"message": "expired"}}) if hit else echo(body)

    with provide(Provider(forbid)) as script:
        assert "the key was refused (401 expired)" in fails(tmp_path, script.base_url, TeacherRefused)
        bad[0] = False
        assert run(tmp_path, script.base_url).kept == 12
    assert set(script.paid.values()) == {1}


def test_batch_that_fails_validation_stops_with_the_first_error(tmp_path: Path) -> None:
    errors = [{"code": "invalid", "line": 3, "message": "max_tokens is\ntoo large"}]
    with provide(Provider(echo, ends=["failed"], errors=errors)) as script:
        said = fails(tmp_path, script.base_url, TeacherRefused)
        assert "batch batch-0 was refused (line 3: max_tokens is too large)" in said
        assert run(tmp_path, script.base_url).kept == 12
    assert_once(script)


def test_account_with_a_small_queue_gets_smaller_batches(tmp_path: Path) -> None:
    with provide(Provider(echo, queue_limit=4)) as script:
        outcome = run(tmp_path, script.base_url)
    assert outcome.kept == 12
    assert any("it leaves again in smaller parts" in line for line in outcome.said)
    assert_once(script)


def test_cancelled_batch_stops_and_its_answers_are_kept(tmp_path: Path) -> None:
    with provide(Provider(echo, ends=["cancelled"])) as script:
        assert "was cancelled there, 6 of 12 requests answered" in fails(tmp_path, script.base_url, TeacherRefused)
        assert run(tmp_path, script.base_url).kept == 12
    assert set(script.paid.values()) == {1}


@pytest.mark.parametrize("fault", [429, 500, "cut", "lost", "html"])
@pytest.mark.parametrize("route", ["POST /files", "POST /batches", "GET /batches/ID", "GET /files/ID/content"])
def test_faults_of_the_endpoints_change_nothing(tmp_path: Path, route: str, fault: int | str) -> None:
    with provide(Provider(echo, faults={route: [fault, fault]})) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert_once(script)


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_batch_whose_creation_went_unanswered_is_found_again(tmp_path: Path, keeps_metadata: bool) -> None:
    faults: dict[str, list[int | str]] = {"POST /batches": ["lost", "lost"], "GET /batches": [500, "cut"]}
    with provide(Provider(echo, faults=faults, keeps_metadata=keeps_metadata)) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert len(script.jobs) == 2


def test_download_that_breaks_off_is_taken_up_again(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"GET /files/ID/content": ["torn", "torn"]})) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert_once(script)


def test_answers_that_the_file_lacks_are_looked_for_before_they_are_paid_again(tmp_path: Path) -> None:
    def shorten(route: str, moment: str) -> None:
        if (route, moment) == ("GET /files/ID/content", "before") and script.calls[route] <= 2:
            name = script.jobs["batch-0"].files["output_file_id"]
            whole.setdefault(name, script.files[name])
            cut = whole[name].splitlines(keepends=True)[: 7 if script.calls[route] == 1 else 12]
            script.files[name] = b"".join(cut)

    whole: dict[str, bytes] = {}
    with provide(Provider(lambda _: "plain", hook=shorten)) as script:
        run(tmp_path, script.base_url)
    assert_once(script)
    assert script.calls["GET /files/ID/content"] == len(script.jobs) + 1


def test_line_longer_than_any_answer_is_passed_over(tmp_path: Path) -> None:
    tries = Counter[str]()

    def huge_once(body: dict[str, Any]) -> Answer:
        prompt = body["messages"][-1]["content"]
        tries[prompt] += 1
        return "x" * 9 * 2**20 if prompt == "number 5" and tries[prompt] == 1 else echo(body)

    with provide(Provider(huge_once)) as script:
        assert run(tmp_path, script.base_url).kept == 12
    assert tries["number 5"] == 2
    assert sorted(script.paid.values())[-2:] == [1, 2]


def test_key_refused_in_mid_run_stops_and_the_batch_goes_on(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"GET /batches/ID": [401]})) as script:
        assert "batch batch-0: the key was refused (401 scripted 401)" in fails(tmp_path, script.base_url)
        assert open_batches(tmp_path) == 1
        assert run(tmp_path, script.base_url).kept == 12
    assert_once(script)


def test_endpoint_without_batches_is_said(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"POST /files": [404]})) as script:
        assert "there is no batch endpoint (404 scripted 404); leave out --batch" in fails(tmp_path, script.base_url)


def test_batch_that_is_gone_can_be_given_up(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"GET /batches/ID": [404]})) as script:
        said = fails(tmp_path, script.base_url, TeacherRefused)
        (requests,) = (tmp_path / "run" / "batches").iterdir()
        assert f"or delete {requests} to ask its requests anew" in said
        requests.unlink()
        assert run(tmp_path, script.base_url).kept == 12
    assert script.sizes() == [12, 12, 12]


def test_batch_open_elsewhere_is_not_asked_for_here(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"GET /batches/ID": [401]})) as script:
        fails(tmp_path, script.base_url)
        with provide(Provider(echo)) as other:
            assert f"is open at {script.base_url}; give that --base-url" in fails(tmp_path, other.base_url)
    assert not other.jobs


def test_answers_that_no_row_waits_for_are_kept(tmp_path: Path) -> None:
    with provide(Provider(echo, faults={"GET /batches/ID": [401]})) as script:
        fails(tmp_path, script.base_url)
        assert run(tmp_path, script.base_url, num_seeds=2).kept == 2
        assert script.sizes() == [12, 2]
        assert run(tmp_path, script.base_url).kept == 12
    assert script.sizes() == [12, 2, 10]
    assert_once(script)
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.spent().calls == 24


def test_wait_and_news_are_told(tmp_path: Path) -> None:
    told: list[str] = []

    async def main() -> None:
        single = Teacher(
            name="t", model="scripted", base_url=script.base_url, api_key="k", limits=Limits(concurrency=4)
        )
        with Ledger(tmp_path / "run") as ledger:
            batch = BatchTeacher(single, ledger, limits=QUICK, pause_s=lambda _: 0.02, say=told.append)
            async with single, batch as teacher:
                request = Request(teacher="t", messages=({"role": "user", "content": "hi"},), sampling={})
                asking = asyncio.create_task(teacher.complete(request))
                while not (script.jobs and teacher.describe_wait()):
                    await asyncio.sleep(0.01)
                told.append(teacher.describe_wait())
                assert teacher.in_flight == 1
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    with provide(Provider(echo)) as script:
        script.running.clear()
        asyncio.run(main())
    assert "1 batch open: 0 of 1 answered" in told
    assert told[-1].endswith(
        "1 batch with 1 requests go on there and are paid for; run the same command again to collect them"
    )


DRIVER = """
import sys
from pathlib import Path
from test_batches import run

run(Path(sys.argv[1]), sys.argv[2])
"""


def start(folder: Path, base_url: str) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "tests", ROOT / "tests" / "synth"))
    command = [sys.executable, "-c", DRIVER, str(folder), base_url]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True)


class Killer:
    """Kills the process that calls, just before or after a route's call was handled."""

    def __init__(self, route: str, moment: str, *, call: int = 1) -> None:
        self.victim: subprocess.Popen[str] | None = None
        self._at = (route, moment)
        self._calls = call

    def __call__(self, route: str, moment: str) -> None:
        if (route, moment) == self._at and self.victim is not None:
            self._calls -= 1
            if not self._calls:
                self.victim.kill()
                self.victim.wait()


@pytest.mark.parametrize(
    ("route", "moment", "call", "fault"),
    [
        ("POST /files", "before", 1, None),
        ("POST /files", "after", 1, None),
        ("POST /batches", "before", 1, "cut"),
        ("POST /batches", "after", 1, None),
        ("GET /batches/ID", "before", 1, None),
        ("GET /files/ID/content", "before", 1, None),
        ("GET /files/ID/content", "after", 1, None),
        ("GET /batches/ID", "after", 4, None),
    ],
)
def test_killed_process_finds_its_batches_again(
    tmp_path: Path, route: str, moment: str, call: int, fault: str | None
) -> None:
    killer = Killer(route, moment, call=call)
    with provide(Provider(echo, faults={route: [fault] * bool(fault)}, hook=killer)) as script:
        killer.victim = start(tmp_path, script.base_url)
        killer.victim.communicate(timeout=60)
        assert killer.victim.returncode == -signal.SIGKILL
        assert run(tmp_path, script.base_url).kept == 12
    assert_once(script)
    assert not list((tmp_path / "run" / "batches").iterdir())


def test_process_killed_at_each_of_its_calls_ends_with_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    with provide(Provider(echo)) as script:
        whole = run(tmp_path / "whole", script.base_url)
    moments = 0

    def kill(*_: str) -> None:
        nonlocal moments
        moments += 1
        if moments == len(victims):  # the first at its first moment, the second at its second ...
            victims[-1].kill()
            victims[-1].wait()

    victims: list[subprocess.Popen[str]] = []
    with provide(Provider(echo, hook=kill)) as script:
        while not victims or victims[-1].returncode:
            assert len(victims) < 40
            moments = 0
            victims.append(start(tmp_path, script.base_url))
            _, said = victims[-1].communicate(timeout=60)
            assert victims[-1].returncode in (0, -signal.SIGKILL), said
        again = run(tmp_path, script.base_url)
    assert len(victims) > 3
    assert_once(script)
    assert again.samples == whole.samples


def generate(folder: Path, base_url: str, out: str) -> list[str]:
    command = [sys.executable, "-c", "from synth.cli import main; main()", "generate"]
    command += ["--recipe", str(folder / "mine"), "--seeds", str(folder / "seeds.jsonl")]
    return [*command, "--base-url", base_url, "--out", str(folder / out)]


def synth(folder: Path, base_url: str, out: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [*generate(folder, base_url, out), *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    """A folder with a recipe and seeds."""
    write_recipe(tmp_path)
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps({"text": str(i)}) + "\n" for i in range(12)))
    return tmp_path


def test_data_set_is_byte_for_byte_that_of_single_calls(kitchen: Path) -> None:
    with provide(Provider(echo, ends=["expired"], untidy=True)) as script:
        for done in (synth(kitchen, script.base_url, "single"), synth(kitchen, script.base_url, "batch", "--batch")):
            assert done.returncode == 0, done.stderr
    assert (len(script.prompts), script.sizes()[0], set(script.paid.values())) == (24, 12, {1})
    batch, single = kitchen / "batch", kitchen / "single"
    assert (batch / "samples.parquet").read_bytes() == (single / "samples.parquet").read_bytes()
    assert contents(batch / "export") == contents(single / "export") != {}


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def test_interrupt_says_that_the_batches_go_on_and_single_calls_wait_for_them(kitchen: Path) -> None:
    with provide(Provider(echo)) as script:
        script.running.clear()
        command = [*generate(kitchen, script.base_url, "run"), "--batch"]
        victim = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        while not script.calls["GET /batches/ID"]:
            assert victim.poll() is None
            time.sleep(0.05)
        victim.send_signal(signal.SIGINT)
        _, said = victim.communicate(timeout=60)
        assert victim.returncode == 130
        told = "1 batch with 12 requests go on there and are paid for; run the same command again to collect them"
        assert told in " ".join(said.split())
        refused = synth(kitchen, script.base_url, "run")
        assert refused.returncode == 1
        assert (
            "1 open batch, whose requests would be paid for again; run the same command with --batch" in refused.stderr
        )
        assert not script.prompts
        shutil.rmtree(kitchen / "run" / "batches")
        assert synth(kitchen, script.base_url, "run").returncode == 0


def test_batches_need_an_endpoint_that_has_them(kitchen: Path) -> None:
    with provide(Provider(echo)) as script:
        two = synth(kitchen, script.base_url, "run", "--batch", "--base-url", f"{script.base_url}/2")
        local = synth(kitchen, script.base_url, "run", "--batch", "--teacher", "local")
    assert "a batch goes to one endpoint; give one --base-url with --batch" in two.stderr
    assert "--batch: local has no batch endpoint; give --teacher openai:MODEL, or leave it out" in local.stderr
    assert (two.returncode, local.returncode) == (1, 1)


def test_batches_are_listed_oldest_first_until_they_are_closed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "run") as ledger:
        for name in ("b", "c", "a"):
            ledger.record_batch(name, {"batch_id": ""})
        ledger.record_batch("b", {"batch_id": "batch-1"})
        ledger.close_batch("c")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert list(ledger.open_batches().items()) == [("b", {"batch_id": "batch-1"}), ("a", {"batch_id": ""})]


def test_ledger_from_before_there_were_batches_has_none(tmp_path: Path) -> None:
    with Ledger(tmp_path / "run") as ledger:
        path = ledger.path
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE batches")
        db.commit()
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.open_batches() == {}
