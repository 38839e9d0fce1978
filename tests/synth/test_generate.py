"""`synth generate` as a user runs it: a scripted endpoint over HTTP, real containers, the installed command.

The scripted teacher writes each seed's own code where it is asked for a solution, so what is tested is the kitchen.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_proxy import engine_proxy
from scripted import Answer, Scripted, serve

from sandbox.pool import SandboxPool
from synth.export import read_samples
from synth.recipe import bundled_recipes
from synth.seeds import Seed, open_seeds

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("pool")]
SYNTH = Path(sys.executable).with_name("synth")
SEEDS: dict[str, Seed] = {}


@pytest.fixture(scope="module", autouse=True)
def known_seeds() -> None:
    SEEDS.update({seed.entry_point: seed for seed in open_seeds("starter")})


def teach(body: dict[str, Any]) -> Answer:
    """The right task for a docstring; for a task the seed's own code, or now and then a wrong program."""
    prompt = body["messages"][-1]["content"]
    if prompt.startswith("Return "):  # a docstring: the task is wanted
        return "Write a function that returns " + prompt.removeprefix("Return ")
    named = [name for name in re.findall(r"def (\w+)\(", prompt) if name in SEEDS] or [""]
    seed = SEEDS.get(named[-1])
    if seed is None:
        return "I do not know."
    # A solution that fails now and then: which one depends on the request alone.
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    code = seed.code if digest[0] % 3 else f"def {seed.entry_point}(*args):\n    return 'wrong'"
    return f"```python\n{code}\n```"


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    with serve(Scripted(teach)) as script:
        yield script


def synth(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return subprocess.run(
        [SYNTH, *arguments], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=300
    )


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Waits while `process` lives; a process that ended, or a minute, is a failure."""
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def generate(cwd: Path, script: Scripted, *more: str) -> subprocess.CompletedProcess[str]:
    return synth("generate", "--recipe", "educational", "--base-url", script.base_url, "--out", "run", *more, cwd=cwd)


def dataset(run: Path) -> dict[str, bytes]:
    """Every file whose bytes must depend on the completions alone."""
    files = [run / "samples.parquet", *sorted(path for path in (run / "export").rglob("*") if path.is_file())]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_rows_are_verified_exported_and_accounted_for(tmp_path: Path, endpoint: Scripted) -> None:
    done = generate(tmp_path, endpoint, "--rows", "5", "--json")
    assert done.returncode == 0, done.stderr
    funnel = json.loads(done.stdout)["funnel"]
    assert funnel["kept"] == 5
    assert funnel["seeds"] == 5 + sum(funnel["dropped"].values())
    kept = [sample for sample in read_samples(tmp_path / "run" / "samples.parquet") if sample.dropped is None]
    for sample in kept:
        assert (sample.evidence, sample.round_trip) == ("seed", True)
        assert sample.check is not None
        assert sample.check.tests_passed == len(sample.tests) >= 3
        assert sample.code in sample.response
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000


@pytest.mark.train
def test_export_opens_with_datasets_in_the_educational_schema(tmp_path: Path, endpoint: Scripted) -> None:
    from datasets import load_dataset

    assert generate(tmp_path, endpoint, "--rows", "2").returncode == 0
    rows = load_dataset(str(tmp_path / "run" / "export"), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names[:6] == ["seq_id", "instruction", "output", "code", "entry_point", "testcase"]
    assert [message["role"] for message in rows[0]["messages"]] == ["user", "assistant"]
    assert all(test.startswith("assert") for test in rows[1]["testcase"])


def test_killed_run_goes_on_without_repeating_a_call_and_ends_in_the_same_bytes(
    tmp_path: Path, endpoint: Scripted
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    assert generate(tmp_path / "whole", endpoint, "--rows", "12").returncode == 0
    asked_by_whole_run = len(endpoint.delivered)
    endpoint.delivered.clear()
    endpoint.delay_s = 0.1
    command = [SYNTH, "generate", "--recipe", "educational", "--base-url", endpoint.base_url, "--out", "run"]
    command += ["--rows", "12", "--concurrency", "2"]
    for calls in (9, 21, 30):
        victim = subprocess.Popen(command, cwd=tmp_path / "killed", stderr=subprocess.DEVNULL)
        wait_until(lambda calls=calls: len(endpoint.delivered) >= calls, victim)  # type: ignore[misc]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert not (tmp_path / "killed" / "run" / "manifest.json").exists(), "it was to be killed before its end"
    endpoint.delay_s = 0
    assert generate(tmp_path / "killed", endpoint, "--rows", "12").returncode == 0
    repeated = sum(count - 1 for count in endpoint.delivered.values())
    assert repeated <= 3 * 2, "only the calls in flight at each kill may be asked again"
    assert len(endpoint.delivered) <= 2 * asked_by_whole_run
    assert dataset(tmp_path / "killed" / "run") == dataset(tmp_path / "whole" / "run")


def test_same_command_again_asks_nothing(tmp_path: Path, endpoint: Scripted) -> None:
    assert generate(tmp_path, endpoint, "--rows", "3", "--concurrency", "1").returncode == 0
    before, asked = dataset(tmp_path / "run"), len(endpoint.received)
    assert generate(tmp_path, endpoint, "--rows", "3", "--concurrency", "1").returncode == 0
    assert len(endpoint.received) == asked
    assert dataset(tmp_path / "run") == before


def test_changed_template_asks_only_its_own_calls_again(tmp_path: Path, endpoint: Scripted) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(bundled_recipes()["educational"], mine)
    flags = (
        "--recipe",
        str(mine),
        "--base-url",
        endpoint.base_url,
        "--out",
        "run",
        "--rows",
        "3",
        "--concurrency",
        "1",
    )
    assert synth("generate", *flags, cwd=tmp_path).returncode == 0
    first = list(endpoint.received)
    endpoint.received.clear()
    solve = mine / "solve.j2"
    solve.write_text(solve.read_text() + "\nThink first.\n")
    assert synth("generate", *flags, cwd=tmp_path).returncode == 0
    assert 0 < len(endpoint.received) < len(first)
    assert all(body["messages"][-1]["content"].endswith("Think first.") for body in endpoint.received)


def test_second_process_on_a_run_folder_stops_with_a_clear_error(tmp_path: Path, endpoint: Scripted) -> None:
    endpoint.delay_s = 0.3
    command = [SYNTH, "generate", "--recipe", "educational", "--base-url", endpoint.base_url, "--out", "run"]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(endpoint.received) > 0, first)
        second = generate(tmp_path, endpoint, "--rows", "1")
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 1
    assert f"another process (pid {first.pid}) is working here" in second.stderr


def test_interrupt_exits_with_130_and_resumes(tmp_path: Path, endpoint: Scripted) -> None:
    endpoint.delay_s = 0.2
    command = [SYNTH, "generate", "--recipe", "educational", "--base-url", endpoint.base_url, "--out", "run"]
    victim = subprocess.Popen([*command, "--rows", "30"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(endpoint.received) >= 10, victim)
    victim.send_signal(signal.SIGINT)
    _, said = victim.communicate(timeout=60)
    assert victim.returncode == 130, said
    assert said.strip().splitlines()[-1] == "synth: interrupted; the same command again goes on from here"
    endpoint.delay_s = 0
    assert generate(tmp_path, endpoint, "--rows", "3").returncode == 0


def test_recipe_that_is_a_folder_elsewhere_runs(tmp_path: Path, endpoint: Scripted) -> None:
    mine = tmp_path / "elsewhere" / "mine"
    shutil.copytree(bundled_recipes()["educational"], mine)
    done = synth(
        "generate", "--recipe", str(mine), "--base-url", endpoint.base_url, "--rows", "1", "--out", "r", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert read_samples(tmp_path / "r" / "samples.parquet")[-1].recipe == "mine"


def test_preview_shows_rows_and_leaves_only_the_ledger(tmp_path: Path, endpoint: Scripted) -> None:
    done = synth(
        "preview",
        "--recipe",
        "educational",
        "--base-url",
        endpoint.base_url,
        "--out",
        "run",
        cwd=tmp_path,
        COLUMNS="100",
    )
    assert done.returncode == 0, done.stderr
    assert "def " in done.stdout
    assert not (tmp_path / "run" / "export").exists()
    asked = len(endpoint.received)
    assert asked > 0
    assert generate(tmp_path, endpoint, "--rows", "1", "--concurrency", "1").returncode == 0
    assert len(endpoint.delivered) == len(endpoint.received), "what the preview asked was not asked again"


def test_status_explain_and_report_tell_of_a_finished_run(tmp_path: Path, endpoint: Scripted) -> None:
    assert generate(tmp_path, endpoint, "--rows", "2").returncode == 0
    row = next(s for s in read_samples(tmp_path / "run" / "samples.parquet") if s.dropped is None)
    status = synth("status", "run", cwd=tmp_path)
    assert "2 kept of" in status.stdout, status.stderr
    story = synth("explain", row.id[:10], "run", cwd=tmp_path, COLUMNS="100")
    assert row.entry_point in story.stdout, story.stderr
    assert "passed" in story.stdout
    (tmp_path / "run" / "report.html").unlink()
    assert synth("report", "run", cwd=tmp_path).returncode == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_engine_that_is_down_is_no_verdict(tmp_path: Path, endpoint: Scripted) -> None:
    done = synth(
        "generate", "--recipe", "educational", "--base-url", endpoint.base_url, "--out", "run", cwd=tmp_path,
        DOCKER_HOST="unix:///nonexistent/docker.sock",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("synth: engine: no Docker engine answers")
    assert endpoint.received == []


def test_engine_that_dies_in_mid_run_stops_it_in_one_line_and_the_run_goes_on(
    tmp_path: Path, endpoint: Scripted
) -> None:
    endpoint.delay_s = 0.1
    command = [SYNTH, "generate", "--recipe", "educational", "--base-url", endpoint.base_url, "--out", "run"]
    command += ["--rows", "12", "--concurrency", "2"]
    with engine_proxy(tmp_path) as proxy:
        environment = {**os.environ, "DOCKER_HOST": proxy.address}
        victim = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(endpoint.delivered) >= 15, victim)
        proxy.cut()
        _, said = victim.communicate(timeout=120)
    assert victim.returncode == 1, said
    assert said.strip().splitlines()[-1].startswith("synth: "), said
    assert "Traceback" not in said
    endpoint.delay_s = 0
    assert generate(tmp_path, endpoint, "--rows", "12").returncode == 0
    reasons = {sample.dropped for sample in read_samples(tmp_path / "run" / "samples.parquet")}
    assert reasons <= {None, "verify.failed", "verify.signature", "ask.unfaithful"}, "the outage became a verdict"


def test_containers_are_gone_after_a_run(tmp_path: Path, endpoint: Scripted, pool: SandboxPool) -> None:
    import docker

    client = docker.from_env()
    before = {c.id for c in client.containers.list(all=True, filters={"label": "opencook"})}
    assert generate(tmp_path, endpoint, "--rows", "2").returncode == 0
    after = {c.id for c in client.containers.list(all=True, filters={"label": "opencook"})}
    client.close()
    assert pool.workers == 2
    assert after <= before
