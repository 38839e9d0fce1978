from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pretrain.cli_report import report as command
from pretrain.errors import RunFolderError
from pretrain.report import as_json, render_report, report_text
from pretrain.run_facts import flatten, number, read_metrics, read_run, read_stage
from pretrain.run_figures import bits, duration, funnel_rows, language_table, learnt_rows, samples_over_time

HOSTILE = "</script></pre><script>alert(1)</script><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def put(run: Path, stage: str, manifest: Any = None, metrics: list[Any] | None = None) -> None:
    folder = run / stage
    folder.mkdir(parents=True, exist_ok=True)
    if manifest is not None:
        (folder / "manifest.json").write_text(json.dumps(manifest))
    if metrics is not None:
        (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in metrics))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is finished up to annealing."""
    folder = tmp_path / "tiny"
    funnel = {"files": 100, "dropped": {"dedup.exact": 30, "filter.short": 10}, "kept": 60}
    put(folder, "corpus", {"status": "done", "seconds": 75, "funnel": funnel, "command": "pretrain data --source pypi"})
    ours = {"python": {"ours": {"bytes_per_token": 3.21}, "smollm2": {"bytes_per_token": 3.0}}}
    put(folder, "tokenizer", {"status": "done", "seconds": 5, "inputs": {"vocab_size": 4096}, "fertility": ours})
    heldout = {"first": {"all": 9.0, "python": 9.1}, "last": {"all": 1.5, "python": 1.4}}
    steps = [
        {"step": 0, "heldout_bits_per_byte": heldout["first"], "samples": [{"prompt": "def ", "completion": "qq"}]}
    ]
    steps += [{"step": n, "tokens": 100 * n, "loss": 9.0 / n, "learning_rate": 1e-3} for n in range(1, 6)]
    steps += [{"step": 5, "heldout_bits_per_byte": heldout["last"], "samples": [HOSTILE]}]
    put(folder, "pretrain", {"status": "done", "seconds": 60, "tokens": 500, "heldout_bits_per_byte": heldout}, steps)
    put(folder, "anneal", {"status": "done", "heldout_bits_per_byte": {"first": {"all": 1.5}, "last": {"all": 1.2}}})
    figures = {"untrained": {"all": 8.0}, "ngram": {"python": 2.2, "all": 2.25}, "zlib": {"all": 2.5}}
    valid = {"prompts": 50, "greedy": {"model": 0.9, "ngram": 0.4}}
    heldout = {"python": 1.15, "all": 1.25}
    put(folder, "eval", {"heldout_bits_per_byte": heldout, "baselines": figures, "valid_python": valid})
    return folder


def test_the_page_shows_what_was_learnt(run: Path) -> None:
    rows = {name: value for name, value, _ in learnt_rows(read_run(run))}
    assert rows == {
        "bits per byte of a sample of each language, untrained": "9.000",
        "bits per byte of a sample of each language, after the stable phase": "1.500",
        "bits per byte of a sample of each language, after annealing": "1.200",
        "bits per byte of all held-out text, untrained": "8.000",
        "bits per byte of all held-out text, ngram": "2.250",
        "bits per byte of all held-out text, zlib": "2.500",
        "bits per byte of all held-out text, base model": "1.250",
        "valid Python, greedy, model": "90%",
        "valid Python, greedy, ngram": "40%",
    }
    notes = {name: note for name, _, note in learnt_rows(read_run(run)) if note.endswith("of the untrained")}
    assert notes["bits per byte of a sample of each language, after annealing"] == "13% of the untrained"
    assert notes["bits per byte of all held-out text, base model"] == "16% of the untrained"


def test_languages_stand_beside_their_baselines(run: Path) -> None:
    names, rows = language_table(read_run(run)["eval"])
    assert names == ["base model", "untrained", "ngram", "zlib"]
    assert rows == [("python", ["1.150", "", "2.200", ""]), ("all", ["1.250", "8.000", "2.250", "2.500"])]


def test_control_characters_are_shown_as_pictures(tmp_path: Path) -> None:
    put(tmp_path, "pretrain", None, [{"step": 1, "samples": ["a\x00\x1b[2J\n\tb"]}])
    assert samples_over_time(read_run(tmp_path)) == [("pretrain, step 1", ["a␀␛[2J\n\tb"])]


def test_the_funnel_adds_up_on_the_page(run: Path) -> None:
    rows = funnel_rows(read_run(run)["corpus"])
    assert [(label, count) for label, count, _ in rows] == [
        ("files", "100"),
        ("dedup.exact", "−30"),
        ("filter.short", "−10"),
        ("kept", "60"),
    ]
    shares = [share for _, _, share in rows]
    assert shares[0] == pytest.approx(sum(shares[1:]))


def test_hostile_samples_are_text_and_the_page_has_no_script(run: Path) -> None:
    (run / "chat.txt").write_text(HOSTILE)
    put(run, "base", {"command": HOSTILE})
    page = Tags(render_report(run, read_run(run)))
    assert not {"script", "img", "iframe"} & set(page.names)
    assert "".join(page.text).count("onerror=alert(1)") == 3


def test_a_hostile_language_is_text_in_table_and_chart(run: Path) -> None:
    put(run, "tokenizer", {"fertility": {HOSTILE: {HOSTILE: {"bytes_per_token": 1.0}}}})
    points = [{"step": n, "tokens": n, "heldout_bits_per_byte": {HOSTILE: 1.0 / n}} for n in range(1, 4)]
    put(run, "pretrain", {"status": "done"}, points)
    page = Tags(render_report(run, read_run(run)))
    assert "script" not in page.names
    assert "polyline" in page.names


def test_the_policy_names_the_style_and_nothing_else_may_load(run: Path) -> None:
    page = render_report(run, read_run(run)).decode()
    assert "default-src 'none'; style-src 'sha256-" in page
    assert not re.search(r'(?:src|href)="(?!data:,|#)', page)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("running", "running"),
        ("failed", "failed"),
        ("interrupted", "interrupted"),
        ("lost", "unfinished"),
        ([], "unfinished"),
    ],
)
def test_a_stage_that_is_not_done_says_so(run: Path, said: Any, status: str) -> None:
    put(run, "corpus", {"status": said})
    facts = read_run(run)
    assert facts["corpus"].status == status
    assert f'<tr class="{status}"><th scope="row">corpus</th><td>{status}</td>' in render_report(run, facts).decode()


def test_whole_numbers_of_any_size_do_not_stop_the_report(run: Path) -> None:
    huge = dict.fromkeys(("seconds", "tokens", "parameters", "loss", "pass_at_1"), 10**400)
    for stage in ("corpus", "pretrain", "eval"):
        put(run, stage, huge, [huge | {"step": 10**400, "samples": ["x"]}, huge])
    facts = read_run(run)
    assert b"</html>" in render_report(run, facts)
    assert json.dumps(as_json(facts), allow_nan=False)


@pytest.mark.parametrize("loss", [1e308, 5e-324, -1e308])
def test_figures_at_the_edge_of_numbers_do_not_stop_the_report(tmp_path: Path, loss: float) -> None:
    put(tmp_path, "pretrain", None, [{"step": n, "tokens": n, "loss": loss * (-1) ** n} for n in range(1, 4)])
    assert b"</html>" in render_report(tmp_path, read_run(tmp_path))


def test_missing_stages_are_shown_as_not_run(tmp_path: Path) -> None:
    put(tmp_path, "corpus", {"status": "done"})
    facts = read_run(tmp_path)
    assert {name for name, stage in facts.items() if stage.status == "not run"} == set(facts) - {"corpus"}
    assert b"Not run" in render_report(tmp_path, facts)


def test_a_run_in_the_middle_of_training_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "pretrain", None, [{"step": 1, "tokens": 10, "loss": 5.0}, {"step": 2, "tokens": 20, "loss": 4.0}])
    with (tmp_path / "pretrain" / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 3, "lo')
    facts = read_run(tmp_path)
    assert facts["pretrain"].status == "unfinished"
    assert b"polyline" in render_report(tmp_path, facts)


def test_held_out_figures_of_an_unfinished_stage_come_from_its_metrics(tmp_path: Path) -> None:
    put(tmp_path, "pretrain", None, [{"step": n, "heldout_bits_per_byte": {"all": 8.0 - n}} for n in range(3)])
    stage = read_stage(tmp_path, "pretrain")
    assert (bits(stage, "first"), bits(stage, "last")) == (8.0, 6.0)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 10_000])
def test_a_damaged_manifest_is_a_status(tmp_path: Path, text: str) -> None:
    put(tmp_path, "base", {})
    (tmp_path / "base" / "manifest.json").write_text(text)
    assert read_stage(tmp_path, "base").status == "damaged"


@pytest.mark.parametrize("value", [None, "x", [], {}, float("nan"), True])
def test_a_manifest_of_wrong_types_is_still_reported(run: Path, value: Any) -> None:
    keys = ("seconds", "funnel", "fertility", "heldout_bits_per_byte", "result", "command", "baselines", "pass_at_1")
    for stage in ("corpus", "tokenizer", "pretrain", "stage1", "eval", "eval/chat-stage2"):
        put(run, stage, dict.fromkeys(keys, value), [{"step": value, "samples": value, "loss": value}])
    facts = read_run(run)
    assert b"</html>" in render_report(run, facts)
    assert json.dumps(as_json(facts), allow_nan=False)


def test_lines_of_metrics_that_are_no_objects_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\nnull\n[1]\n\xff\xfe\n{"step": 2}\n{"ste')
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 1}, {"step": 2}]


def test_of_many_samples_first_and_last_stay(tmp_path: Path) -> None:
    put(tmp_path, "pretrain", None, [{"step": n, "samples": [str(n)]} for n in range(100)])
    shown = samples_over_time(read_run(tmp_path))
    assert shown[0] == ("pretrain, step 0", ["0"])
    assert shown[-1] == ("pretrain, step 99", ["99"])
    assert len(shown) == 12


def test_a_finetune_stage_takes_its_time_from_its_dates(tmp_path: Path) -> None:
    put(
        tmp_path, "stage1", {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:01:30Z", "command": ["/a/b"]}
    )
    stage = read_stage(tmp_path, "stage1")
    assert (stage.seconds, stage.command) == (90.0, "b")


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no stage of a run"):
        read_run(tmp_path)


def test_the_terminal_summary_has_a_line_per_stage(run: Path) -> None:
    text = report_text(read_run(run))
    assert re.search(r"^corpus +done +75 s +60 of 100 files kept$", text, re.MULTILINE)
    assert re.search(r"^stage2 +not run$", text, re.MULTILINE)


def test_the_command_writes_the_page_and_prints_json(run: Path) -> None:
    done = CliRunner().invoke(command, [str(run), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stages"][0]["status"] == "done"
    assert (run / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_a_command_on_nothing_fails_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "none")])
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


def test_only_finite_numbers_are_numbers() -> None:
    told = {"a": {"b": 2}, "nan": float("nan"), "flag": True, "text": "3", "huge": 10**400}
    assert number(told, "a", "b") == 2.0
    assert [number(told, key) for key in ("nan", "flag", "text", "huge", "none")] == [None] * 5
    assert flatten(told) == {"a · b": 2.0}


def test_times_are_readable() -> None:
    assert [duration(value) for value in (None, 0.4, 89, 200, 9000)] == ["", "0 s", "89 s", "3.3 min", "2.5 h"]
