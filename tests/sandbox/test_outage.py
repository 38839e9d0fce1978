"""An engine that goes away and comes back: work waits for it, and no verdict is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from docker.errors import APIError, ImageNotFound
from own_engine import own_engine, why_not
from requests import Response
from requests.exceptions import ConnectionError, ReadTimeout

from sandbox.image import default_tag
from sandbox.outage import patiently


def failing(*errors: Exception) -> Callable[[], str]:
    """A question that meets these errors before its answer."""
    left = list(errors)

    def ask() -> str:
        if left:
            raise left.pop(0)
        return "here"

    return ask


def status(code: int, kind: type[APIError] = APIError) -> APIError:
    response = Response()
    response.status_code = code
    return kind("", response=response)


def test_an_engine_that_is_away_is_asked_until_it_is_back():
    assert patiently(failing(*[ConnectionError()] * 4), threading.Event()) == "here"


def test_patience_ends():
    with pytest.raises(ConnectionError):
        patiently(failing(*[ConnectionError()] * 9), threading.Event(), patience_s=0.3)


def test_nobody_waits_for_a_pool_that_is_closed():
    closed = threading.Event()
    closed.set()
    with pytest.raises(ConnectionError):
        patiently(failing(ConnectionError()), closed)


@pytest.mark.parametrize("code", [500, 503, 404])  # 404: the container went with the engine between two requests
def test_an_engine_in_trouble_is_asked_three_times(code):
    assert patiently(failing(*[status(code)] * 2), threading.Event(), pauses_s=(0, 0)) == "here"
    with pytest.raises(APIError):
        patiently(failing(*[status(code)] * 3), threading.Event(), pauses_s=(0, 0))


@pytest.mark.parametrize("error", [status(404, ImageNotFound), status(400), ReadTimeout()])
def test_what_is_refused_for_what_it_says_stays_refused(error):
    with pytest.raises(type(error)):
        patiently(failing(error), threading.Event())


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_an_engine_stopped_and_killed_in_mid_run_costs_no_verdict(tmp_path):
    jobs = [{"id": str(i), "code": f"print({i})", "tests": [f"assert {i} % 2 == 0"]} for i in range(400)]
    (tmp_path / "in").write_text("\n".join(map(json.dumps, jobs)))
    with own_engine(tmp_path, default_tag()) as engine:
        command = [
            sys.executable,
            "-c",
            "from sandbox.cli import main; main()",
            "verify",
            "in",
            "out",
            "--workers",
            "2",
        ]
        environment = {**os.environ, "DOCKER_HOST": engine.address, "PYTHONPATH": str(Path.cwd())}
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as verify:
            for number, how in ((50, signal.SIGTERM), (200, signal.SIGKILL)):
                while verify.poll() is None and num_lines(tmp_path / "out.partial") < number:
                    time.sleep(0.02)
                assert verify.poll() is None
                engine.stop(how)
                engine.start()
            assert verify.wait(timeout=60) == 0
    verdicts = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [(one["id"], one["stdout"]) for one in verdicts] == [(str(i), f"{i}\n") for i in range(400)]
    assert [one["status"] for one in verdicts] == ["passed", "failed"] * 200


def num_lines(path: Path) -> int:
    """Lines of a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
