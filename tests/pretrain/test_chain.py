"""The whole chain on the smoke preset: real packages, the real teacher, real containers. It takes a few minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

LAUNCH = Path(__file__).parents[2] / "pretrain" / "launch.sh"
STAGES = ["corpus", "tokenizer", "shards", "pretrain", "synth/starter", "synth/packages"]
STAGES += [
    "synth/library",
    "synth/educational",
    "synth/shards",
    "anneal",
    "base",
    "stage1",
    "stage2",
    "eval",
    "eval/chat-base",
    "eval/chat-stage2",
]

pytestmark = [pytest.mark.engine, pytest.mark.local_teacher, pytest.mark.train, pytest.mark.usefixtures("pool")]


def launch(folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [LAUNCH, "--preset", "smoke"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=1200
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a finished chain, and how it ended."""
    folder = tmp_path_factory.mktemp("chain")
    done = launch(folder)
    if "SourceError" in done.stderr or "package index" in done.stderr:
        pytest.skip("no package index answers, so there is no corpus to be had")
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "runs" / "smoke", done


def manifest(run: Path, stage: str) -> dict[str, Any]:
    return dict(json.loads((run / stage / "manifest.json").read_text(encoding="utf-8")))


def test_every_step_leaves_its_manifest(first: tuple[Path, Any]) -> None:
    run, _ = first
    assert not [stage for stage in STAGES if not (run / stage / "manifest.json").is_file()]


def test_a_second_start_skips_every_finished_step(first: tuple[Path, Any]) -> None:
    run, _ = first
    before = {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")}
    again = launch(run.parent.parent)
    assert again.returncode == 0, again.stderr[-4000:]
    assert again.stderr.count("finished before; skipped") == len(STAGES)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")} == before


def test_the_model_learnt_something_even_here(first: tuple[Path, Any]) -> None:
    run, _ = first
    bits = manifest(run, "pretrain")["heldout_bits_per_byte"]
    assert bits["last"]["all"] < 0.9 * bits["first"]["all"]


def test_annealing_went_on_from_the_stable_phase(first: tuple[Path, Any]) -> None:
    run, _ = first
    lines = (run / "anneal" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [record for line in lines if "loss" in (record := json.loads(line))]
    assert steps[0]["step"] > manifest(run, "pretrain")["steps"]
    assert steps[-1]["learning_rate"] == pytest.approx(4e-4)


def test_the_base_model_loads_and_the_chat_model_answers(first: tuple[Path, Any]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run, _ = first
    tokenizer = AutoTokenizer.from_pretrained(run / "stage2")
    model = AutoModelForCausalLM.from_pretrained(run / "stage2")
    messages = [{"role": "user", "content": "Write a Python function."}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    outputs = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    assert outputs.shape[1] > inputs["input_ids"].shape[1]


def test_the_report_shows_every_step(first: tuple[Path, Any]) -> None:
    run, _ = first
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "bits per byte" in page
    assert not re.search(r"https?://[^\"' ]+\.(js|css)", page), "the page must stand alone"
