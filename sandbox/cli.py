"""The `sandbox` command: build the image, run one file, verify many, look after the engine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sandbox.console import DONE, FAILED, exit_code
from sandbox.jobs import check_job
from sandbox.verdict import Job, JobError, Limits, Rerun, SandboxError

if TYPE_CHECKING:
    from sandbox.pool import SandboxPool
    from sandbox.reaper import Removal

SUFFIXES = {
    ".bash": "bash",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".go": "go",
    ".java": "java",
    ".js": "javascript",
    ".mjs": "javascript",
    ".py": "python",
    ".rs": "rust",
    ".sh": "bash",
    ".sql": "sql",
    ".ts": "typescript",
}
"""Suffix of a program -> its language, for `sandbox run` without `--language`."""
POOL_OPTIONS = ("workers", "image", "languages", "fresh", "runtime", "rerun_timeouts")
"""Arguments of `SandboxPool` that flags set; one that is not given keeps the pool's default."""


def main() -> None:
    """Nothing; the process exits with 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    args = parser().parse_args()
    sys.exit(exit_code(lambda: int(args.command(args)), name="sandbox", known=(SandboxError, OSError)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="sandbox", description="Run untrusted code in hardened Docker containers.")
    root.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    pool = argparse.ArgumentParser(add_help=False)
    pool.add_argument("--image", metavar="TAG", help="run in this image (default: the one that `sandbox build` makes)")
    pool.add_argument("--runtime", metavar="NAME", help="the engine's runtime for containers, such as runsc")
    pool.add_argument("--fresh", action="store_true", default=None, help="a container for each program: slow, separate")

    build = commands.add_parser("build", help="build the sandbox image if it is not there")
    build.add_argument("--languages", type=names, default=("python",), metavar="A,B", help="(default: python)")
    build.add_argument("--packages", type=names, default=(), metavar="A,B", help="from Debian or PyPI: numpy,pandas")
    build.set_defaults(command=build_command)

    run = commands.add_parser("run", parents=[pool], help="run one program; exit 0 only if it passed")
    run.add_argument("file", metavar="FILE", help="the program, or - for stdin")
    run.add_argument("--tests", metavar="FILE", help="tests, run after the program in its namespace")
    run.add_argument("--language", metavar="NAME", help="(default: by the file's suffix, else python)")
    run.add_argument("--timeout", type=float, default=Limits().timeout_s, metavar="S", help="CPU seconds (%(default)s)")
    run.add_argument("--memory", type=int, default=Limits().memory_mb, metavar="MB", help="MiB (%(default)s)")
    run.add_argument("--json", action="store_true", help="print the whole verdict as JSON")
    run.set_defaults(command=run_command, workers=1)

    verify = commands.add_parser("verify", parents=[pool], help="run JSON lines of jobs, write verdicts in that order")
    verify.add_argument("input", metavar="IN.jsonl", help="jobs, or - for stdin")
    verify.add_argument("output", metavar="OUT.jsonl", help="verdicts, or - for stdout")
    verify.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="containers (%(default)s)")
    verify.add_argument("--languages", type=names, metavar="A,B", help="(default: the image with most of them)")
    verify.add_argument(
        "--rerun-timeouts", choices=get_args(Rerun), default="all", help="once more, alone: which ones (%(default)s)"
    )
    verify.set_defaults(command=verify_command)

    languages = commands.add_parser("languages", help="what each language's tests are, and which images have it")
    languages.set_defaults(command=languages_command)

    doctor = commands.add_parser("doctor", help="check engine, image, limits, and real runs")
    doctor.set_defaults(command=doctor_command)

    prune = commands.add_parser("prune", help="remove containers whose owner is gone")
    prune.add_argument("--all", action="store_true", help="also containers in use, and the images")
    prune.set_defaults(command=prune_command)
    return root


def names(text: str) -> tuple[str, ...]:
    """The comma-separated names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def build_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox build`; prints the image's tag."""
    from sandbox.image import ensure_image

    packages = (args.packages,) if args.packages else ()
    print(ensure_image(args.languages, *packages))
    return DONE


def run_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox run`: 0 if the program passed."""
    code = sys.stdin.read() if args.file == "-" else read_source(args.file)
    tests = (read_source(args.tests),) if args.tests else ()
    language = args.language or SUFFIXES.get(Path(args.file).suffix, "python")
    limits = Limits(timeout_s=args.timeout, memory_mb=args.memory)
    job = Job(code=code, tests=tests, language=language, limits=limits)
    check_job(job)
    args.languages = (language,)
    with open_pool(args) as pool:
        verdict = pool.run(job)
    if args.json:
        print(json.dumps(verdict.to_json()))
    else:
        sys.stdout.write(verdict.stdout)
        sys.stderr.write(verdict.stderr)
        for result in verdict.test_results:
            if not result.passed:
                print(f"{args.tests}: {result.error}", file=sys.stderr)
        print(f"{verdict.status} ({verdict.cpu_s:.3f} s CPU, {verdict.peak_memory_mb:.0f} MB)", file=sys.stderr)
    return DONE if verdict.status == "passed" else FAILED


def read_source(path: str) -> str:
    """The file's text. Raises `JobError` when it is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise JobError(f"{path}: must be UTF-8, got byte {error.object[error.start]:#04x} at {error.start}") from None


def verify_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox verify`: 1 when a line was refused."""
    from sandbox.verify import verify

    if args.input == args.output != "-":
        raise JobError(f"{args.output}: is the input; name another output")
    if args.input != "-":
        Path(args.input).open("rb").close()  # before containers start
    with open_pool(args) as pool:
        return verify(args.input, args.output, pool.run_all, pool.check)


def open_pool(args: argparse.Namespace) -> SandboxPool:
    """A pool as the flags say; with neither image nor languages, in the image with most of them."""
    from contextlib import closing

    from sandbox.image import best_image, connect
    from sandbox.pool import SandboxPool

    wanted = {name: getattr(args, name, None) for name in POOL_OPTIONS}
    if wanted["image"] is None and wanted["languages"] is None:  # which languages will come is not known yet
        with closing(connect()) as engine:
            wanted["image"] = best_image(engine)
    return SandboxPool(**{name: value for name, value in wanted.items() if value is not None})


def languages_command(_: argparse.Namespace) -> int:
    """Exit code of `sandbox languages`; prints one line for each."""
    from contextlib import closing

    from sandbox.image import best_image, connect, image_languages
    from sandbox.languages import LANGUAGES
    from sandbox.verdict import SandboxUnavailable

    try:
        with closing(connect()) as engine:
            here = image_languages(engine, best_image(engine))
    except SandboxUnavailable:
        here = ()
    for language in LANGUAGES.values():
        built = "built" if language.name in here else ""
        print(f"{language.name:<14}{built:<7}{' '.join(language.packages)}\n{'':<21}{language.tests_are}")
    return DONE


def doctor_command(_: argparse.Namespace) -> int:
    """Exit code of `sandbox doctor`."""
    from sandbox.doctor import diagnose

    good = [report(*check) for check in diagnose()]
    return DONE if all(good) else FAILED


def report(name: str, good: bool, detail: str) -> bool:
    """Whether the check is good; it was printed."""
    print(f"{'ok ' if good else 'BAD'}  {name:<8} {detail}")
    return good


def prune_command(args: argparse.Namespace) -> int:
    """Exit code of `sandbox prune`; prints what it removed."""
    from sandbox.doctor import prune

    return report_removals(prune(everything=args.all))


def report_removals(removals: Iterable[Removal]) -> int:
    """The exit code; each was printed as it went."""
    code = None
    for removal in removals:
        print(f"{removal.name}: cannot be removed ({removal.problem})" if removal.problem else removal.name)
        code = FAILED if removal.problem else code or DONE
    if code is None:
        print("nothing to remove")
    return code or DONE
