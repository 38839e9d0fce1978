"""Bad input at the command line: one line that says where, what and what to do; the right exit code; nothing spent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Scripted, serve

from synth.export import read_samples
from synth.recipe import bundled_recipes

SYNTH = Path(sys.executable).with_name("synth")
RECIPE = """
about: Prose only.
seeds: seeds.jsonl
steps:
  - ask: {template: t.j2, as: a}
  - emit: {instruction: "{{ seed.text }}", response: "{{ a }}"}
"""


def synth(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return subprocess.run(
        [SYNTH, *arguments], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a recipe that needs no sandbox, and three seeds."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "mine" / "t.j2").write_text("Say something about {{ seed.text }}.")
    (tmp_path / "seeds.jsonl").write_text('{"text": "apples and more"}\n{"text": "pears"}\n{"text": "plums in jam"}\n')
    return tmp_path


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    with serve(Scripted(lambda body: f"About {body['messages'][-1]['content']}")) as script:
        yield script


def refused(done: subprocess.CompletedProcess[str], said: str, code: int = 1) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stderr
    assert said in lines[-1], done.stderr
    assert "Traceback" not in done.stderr


def test_recipe_without_a_run_step_needs_no_engine(place: Path, endpoint: Scripted) -> None:
    done = synth("generate", "--recipe", "mine", "--base-url", endpoint.base_url, cwd=place, DOCKER_HOST="unix:///none")
    assert done.returncode == 0, done.stderr
    assert (place / "runs" / "mine" / "export").is_dir()


FAKE_VLLM = """
import http.server, json, os, sys
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"data": [{"id": told["--model"]}]})
    def do_POST(self):
        assert self.headers["Authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "told " + told["--hf-overrides"]}
        self.answer({"model": told["--model"], "choices": [{"message": message, "finish_reason": "stop"}]})
    def answer(self, reply):
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer((told["--host"], int(told["--port"])), Handler).serve_forever()
"""


def test_vllm_is_started_from_the_named_environment_with_its_options(place: Path) -> None:
    interpreter = place / "env" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    (place / "fake.py").write_text(FAKE_VLLM)
    interpreter.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit; shift 2; exec {sys.executable} {place}/fake.py "$@"\n')
    interpreter.chmod(0o755)
    options = ("--vllm-python", "env", "--vllm-args", """--hf-overrides '{"a b": [1]}'""")
    done = synth("generate", "--recipe", "mine", "--teacher", "vllm:some/model", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "teacher: vllm:some/model" in done.stderr
    (first, *_) = read_samples(place / "runs" / "mine" / "samples.parquet")
    assert first.response == 'told {"a b": [1]}'


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--vllm-python", "nowhere"), "--vllm-python nowhere: no program there"),
        (("--vllm-args", "'--x"), "--vllm-args: No closing quotation, got '--x; quote it as one word"),
        (("--vllm-python", sys.executable, "--vllm-args", "--port 1"), "--vllm-args: --port is set by synth"),
    ],
)
def test_vllm_that_cannot_be_started_so(place: Path, flags: tuple[str, ...], said: str) -> None:
    refused(synth("generate", "--recipe", "mine", "--teacher", "vllm:some/model", *flags, cwd=place), said)


def test_vllm_options_without_a_vllm_teacher_are_bad_usage(place: Path) -> None:
    done = synth("generate", "--recipe", "mine", "--teacher", "openai:x", "--vllm-args", "--dtype float32", cwd=place)
    refused(done, "--vllm-python and --vllm-args go with --teacher vllm:MODEL", code=2)


def test_environment_names_the_endpoint(place: Path, endpoint: Scripted) -> None:
    assert synth("generate", "--recipe", "mine", cwd=place, OPENAI_BASE_URL=endpoint.base_url).returncode == 0
    assert len(endpoint.received) == 3


def test_unknown_recipe(place: Path) -> None:
    refused(synth("generate", "--recipe", "educationl", cwd=place), "did you mean educational?")


def test_unknown_key_in_a_recipe(place: Path) -> None:
    (place / "mine" / "recipe.yaml").write_text(RECIPE.replace("template:", "tempalte:"))
    refused(synth("generate", "--recipe", "mine", cwd=place), "did you mean template?")


def test_template_with_a_missing_variable(place: Path) -> None:
    (place / "mine" / "t.j2").write_text("{{ sed.text }}")
    refused(synth("generate", "--recipe", "mine", cwd=place), "mine/t.j2: no step before it sets `sed`")


def test_template_with_a_missing_attribute(place: Path, endpoint: Scripted) -> None:
    (place / "mine" / "t.j2").write_text("{{ seed.txt }}")
    refused(synth("generate", "--recipe", "mine", "--base-url", endpoint.base_url, cwd=place), "mine/t.j2: ")
    assert endpoint.received == []


def test_unreachable_endpoint(place: Path) -> None:
    done = synth(
        "generate", "--recipe", "mine", "--teacher", "openai:x", "--base-url", "http://127.0.0.1:9/v1", cwd=place
    )
    refused(done, "http://127.0.0.1:9/v1: nothing answers")


def test_wrong_model_name(place: Path, endpoint: Scripted) -> None:
    flags = ("--base-url", endpoint.base_url, "--teacher", "openai:scriptd")
    refused(
        synth("generate", "--recipe", "mine", *flags, cwd=place), "no model 'scriptd' there; did you mean scripted?"
    )


def test_several_models_and_none_named(place: Path) -> None:
    with serve(Scripted(lambda _: "x", models=["a", "b"])) as script:
        done = synth("generate", "--recipe", "mine", "--base-url", script.base_url, cwd=place)
    refused(done, "say which model with --teacher openai:MODEL; it lists a, b")


def test_refused_key(place: Path) -> None:
    with serve(Scripted(lambda _: (401, {"error": {"message": "Incorrect API key"}}))) as script:
        refused(synth("generate", "--recipe", "mine", "--base-url", script.base_url, cwd=place), "set OPENAI_API_KEY")


@pytest.mark.parametrize("seeds", ["nowhere.jsonl", "doctest:no_such_package_here", "empty.jsonl"])
def test_seeds_that_are_not_there(place: Path, endpoint: Scripted, seeds: str) -> None:
    (place / "empty.jsonl").write_text("")
    done = synth("generate", "--recipe", "mine", "--seeds", seeds, "--base-url", endpoint.base_url, cwd=place)
    refused(done, seeds.removeprefix("doctest:"))
    assert endpoint.received == []


def test_unreadable_run_folder(place: Path, endpoint: Scripted) -> None:
    (place / "run").mkdir()
    (place / "run" / "ledger.sqlite").write_text("this is no database" * 100)
    flags = ("--base-url", endpoint.base_url, "--out", "run")
    refused(synth("generate", "--recipe", "mine", *flags, cwd=place), "run/ledger.sqlite: cannot be used as a ledger")


def test_run_folder_that_is_a_file(place: Path, endpoint: Scripted) -> None:
    flags = ("--base-url", endpoint.base_url, "--out", "seeds.jsonl")
    refused(synth("generate", "--recipe", "mine", *flags, cwd=place), "seeds.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists() or os.geteuid() != 0, reason="needs root, to mount a tiny disk")
def test_disk_that_fills_up_stops_in_one_line_and_the_run_goes_on_elsewhere(place: Path) -> None:
    disk = place / "tiny"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with serve(Scripted(lambda _: "long " * 40_000)) as script:
            flags = ("--base-url", script.base_url, "--out", "tiny/run", "--concurrency", "1")
            refused(synth("generate", "--recipe", "mine", *flags, cwd=place), "disk is full; free some space")
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            done = synth("generate", "--recipe", "mine", *flags, cwd=place)
        assert done.returncode == 0, done.stderr
        assert max(script.delivered.values()) <= 2, "at most the call that met the full disk is asked again"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_bad_usage_exits_with_2(place: Path) -> None:
    refused(synth("generate", "--recipe", "mine", "--rows", "0", cwd=place), "--rows", code=2)
    refused(synth("generate", cwd=place), "--recipe", code=2)
    refused(synth("generate", "--recipe", "mine", "--out", "caf\udce9", cwd=place), "must be a UTF-8 path", code=2)


def test_call_limit_is_told_and_raised(place: Path, endpoint: Scripted) -> None:
    flags = ("--base-url", endpoint.base_url, "--concurrency", "1")
    first = synth("generate", "--recipe", "mine", *flags, "--max-calls", "2", cwd=place)
    assert first.returncode == 0
    assert "--max-calls 2 is used up" in first.stderr
    assert synth("generate", "--recipe", "mine", *flags, cwd=place).returncode == 0
    assert len(endpoint.received) == 3


def test_seeds_that_run_out_are_told(place: Path, endpoint: Scripted) -> None:
    done = synth("generate", "--recipe", "mine", "--base-url", endpoint.base_url, "--rows", "9", cwd=place)
    assert done.returncode == 0
    assert "the seeds ran out at 3 of 9 rows; give more with --seeds" in done.stderr


def test_run_that_keeps_nothing_fails_and_says_where_to_look(place: Path) -> None:
    with serve(Scripted(lambda _: "")) as script:
        done = synth("generate", "--recipe", "mine", "--base-url", script.base_url, cwd=place)
    refused(done, "no row was kept; runs/mine/report.html says why")


def test_cost_limit_stops_the_spending(place: Path, endpoint: Scripted) -> None:
    flags = ("--base-url", endpoint.base_url, "--concurrency", "1", "--price", "1000000,0", "--max-cost", "45")
    assert synth("generate", "--recipe", "mine", *flags, cwd=place).returncode == 0
    assert len(endpoint.received) == 2  # 7 dollars each; before it is counted, the prompt of a third may be 34


def test_a_cap_on_the_cost_needs_a_price(place: Path, endpoint: Scripted) -> None:
    flags = ("--base-url", endpoint.base_url, "--max-cost", "1")
    refused(synth("generate", "--recipe", "mine", *flags, cwd=place), "costs at http://127.0.0.1")
    assert endpoint.received == []


def test_a_price_table_of_ones_own_prices_the_calls(place: Path, endpoint: Scripted) -> None:
    (place / "p.yaml").write_text("hosts: {127.0.0.1: {scripted: {prompt: 1000000, completion: 0}}}")
    flags = (
        "--base-url",
        endpoint.base_url,
        "--concurrency",
        "1",
        "--prices",
        "p.yaml",
        "--max-calls",
        "1",
        "--max-cost",
        "999",
    )
    done = synth("generate", "--recipe", "mine", *flags, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "$7.00 in all" in done.stderr
    assert "| cost | $7.00 | $7.00 |" in (place / "runs" / "mine" / "export" / "README.md").read_text()


def test_a_price_table_that_does_not_fit_is_one_line_before_anything_is_asked(place: Path, endpoint: Scripted) -> None:
    (place / "p.yaml").write_text("models: {scripted: {promt: 1, completion: 0}}")
    flags = ("--base-url", endpoint.base_url, "--prices", "p.yaml")
    refused(
        synth("generate", "--recipe", "mine", *flags, cwd=place), "models.scripted.promt: unknown key; did you mean"
    )
    assert endpoint.received == []


def test_explaining_a_row_that_is_not_there(place: Path, endpoint: Scripted) -> None:
    assert synth("generate", "--recipe", "mine", "--base-url", endpoint.base_url, cwd=place).returncode == 0
    refused(synth("explain", "zzz", cwd=place), "no row 'zzz'")
    refused(synth("explain", "zzz", "nowhere", cwd=place), "nowhere: no run here")
    (place / "runs" / "mine" / "samples.parquet").unlink()
    refused(synth("explain", "zzz", cwd=place), "samples.parquet: is not there; it comes when the run ends")


def test_status_where_no_run_is(tmp_path: Path) -> None:
    refused(synth("status", cwd=tmp_path), "no run there yet")


def test_recipes_are_listed_shown_and_checked(tmp_path: Path) -> None:
    listed = synth("recipes", "list", cwd=tmp_path).stdout
    assert all(name in listed for name in bundled_recipes())
    assert "ask" in synth("recipes", "show", "educational", cwd=tmp_path).stdout
    assert synth("recipes", "check", "educational", cwd=tmp_path).returncode == 0
    refused(synth("recipes", "check", "nope", cwd=tmp_path), "neither a recipe nor a folder")
