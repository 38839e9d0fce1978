"""`--engine ray` on a real cluster of two nodes on this machine: a lost worker, Ctrl-C, a refusal; the local bytes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from many_rows import Job, teach
from plain_run import PROGRAM, environment, one_line
from scripted import Scripted, serve

from synth.errors import RunFolderError, SynthError
from synth.generate import Order
from synth.ledger import Ledger
from synth.progress import Snapshot
from synth.ray_engine import add_up, generate_on_ray, wait_until_free

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)")
pytestmark = pytest.mark.ray
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
node = {"num_cpus": 2, "object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
cluster.add_node(**node)
print("address", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two raylets; a process of their own, so that they see the code under test and not our warnings."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        lines = (line.split() for line in process.stdout)
        yield next(words[1] for words in lines if words[:1] == ["address"])


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    with serve(Scripted(teach)) as script:
        yield script


@pytest.fixture
def job(tmp_path: Path, endpoint: Scripted) -> Job:
    return Job(home=tmp_path, base_url=endpoint.base_url)


def start(job: Job, cluster: str, *more: str) -> subprocess.Popen[str]:
    flags = ["--engine", "ray", "--ray-address", cluster, "--shards", "2", *more]
    return subprocess.Popen(
        job.command(*flags),
        cwd=job.home,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def paid(shard: Path) -> list[str]:
    """The requests whose answers a shard has committed."""
    with Ledger(shard, read_only=True) as ledger:
        return [request for (request,) in ledger._db.execute("SELECT request FROM completions")]


@needs_ray
def test_a_killed_worker_is_replaced_pays_nothing_twice_and_the_bytes_are_the_local_ones(
    job: Job, endpoint: Scripted, cluster: str
) -> None:
    endpoint.delay_s = 0.2
    run = start(job, cluster, "--rows", "20", "--concurrency", "4")
    shard = job.home / "run" / "shards" / "1-of-2"
    wait_until(lambda: (shard / "ledger.sqlite").exists() and len(endpoint.delivered) >= 10, run)
    victim = int((shard / ".lock").read_text())
    assert victim != run.pid
    os.kill(victim, signal.SIGKILL)
    committed = [json.loads(request)["messages"] for request in paid(shard)]
    endpoint.delay_s = 0
    _, told = run.communicate(timeout=240)
    assert run.returncode == 0, told
    assert "shard 1/2 lost its worker and goes on" in told
    repeated = [json.loads(body)["messages"] for body, count in endpoint.delivered.items() if count > 1]
    assert committed, "it was to be killed in mid-run"
    assert not [messages for messages in committed if messages in repeated]
    assert len(repeated) <= 2, "only the calls in flight may be made again"
    assert job.generate("--rows", "20", out="local").returncode == 0
    assert job.dataset("run") == job.dataset("local")
    funnel = job.manifest()["funnel"]
    assert funnel["kept"] == 20
    assert funnel["dropped"]["dedup.exact"] > 0, "twins lay in both shards"


@needs_ray
def test_interrupt_stops_the_shards_and_the_same_command_goes_on(job: Job, endpoint: Scripted, cluster: str) -> None:
    endpoint.delay_s = 0.3
    run = start(job, cluster)
    shards = [job.home / "run" / "shards" / f"{index}-of-2" for index in range(2)]
    wait_until(lambda: len(endpoint.delivered) >= 4, run)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130, told
    for shard in shards:
        Ledger(shard).close()  # the folder is free
    asked = len(endpoint.received)
    time.sleep(1)
    assert len(endpoint.received) == asked, "somebody still asks"
    endpoint.delay_s = 0
    endpoint.delivered.clear()
    done = start(job, cluster)
    _, told = done.communicate(timeout=240)
    assert done.returncode == 0, told
    assert sum(endpoint.delivered.values()) < 72, "what was paid for was asked again"
    assert job.manifest()["funnel"]["seeds"] == job.num_seeds


@needs_ray
def test_what_stops_a_shard_stops_the_run_in_one_line(tmp_path: Path, cluster: str) -> None:
    with serve(Scripted(lambda _: (401, {"error": {"message": "expired"}}))) as script:
        job = Job(home=tmp_path, base_url=script.base_url)
        run = start(job, cluster)
        _, told = run.communicate(timeout=120)
    assert run.returncode == 1, told
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith(f"synth: {script.base_url}: the key was refused")


@needs_ray
@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_code_runs_in_containers_of_each_shard(tmp_path: Path, cluster: str) -> None:
    def cook(*more: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "generate", "--recipe", "docstring", "--rows", "5", *more]
        return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240)

    done = cook("--engine", "ray", "--ray-address", cluster, "--shards", "2", "--workers", "1", "--out", "ray")
    assert done.returncode == 0, done.stderr
    assert cook("--out", "local").returncode == 0
    assert (tmp_path / "ray" / "samples.parquet").read_bytes() == (tmp_path / "local" / "samples.parquet").read_bytes()


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:99999"])
def test_no_cluster_at_an_address_is_one_line(job: Job, address: str) -> None:
    with (
        contextlib.chdir(job.home),
        pytest.raises(SynthError, match=f"--ray-address {address}: no Ray cluster answers"),
    ):
        generate_on_ray(Order(recipe="plain", seeds="seeds.jsonl"), None, address)


def test_without_ray_the_engine_says_what_to_install(job: Job) -> None:
    blocked = [PROGRAM[0], "-c", f"import sys; sys.modules['ray'] = None; {PROGRAM[2]}"]
    done = job.run([*blocked, *job.command("--engine", "ray")[3:]])
    assert "pip install 'opencook[ray]'" in one_line(done)


def test_what_shards_say_adds_up() -> None:
    one = Snapshot(
        kept=2, dropped={"a.b": 1}, in_flight=3, calls=5, prompt_tokens=7, completion_tokens=11, cost_usd=0.5
    )
    other = Snapshot(kept=1, dropped={"a.b": 1, "a.c": 4}, calls=2)
    both = add_up([one, other])
    assert (both.kept, both.dropped, both.done) == (3, {"a.b": 2, "a.c": 4}, 9)
    assert (both.in_flight, both.calls, both.prompt_tokens, both.completion_tokens) == (3, 7, 7, 11)
    assert both.cost_usd == 0.5


def test_a_folder_that_a_killed_worker_still_holds_is_waited_for(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from synth.ledger import Ledger; "
        "Ledger(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep(2)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RunFolderError, match=f"pid {holder.pid}"):
            Ledger(tmp_path)
        wait_until_free(tmp_path)
        Ledger(tmp_path).close()
