"""Shards and their merge through the command: the bytes of one local run, or one line that says what to run."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from many_rows import Job, teach
from plain_run import one_line
from scripted import Scripted, serve

from synth.budget import Budget
from synth.calls import Completion, Request
from synth.endpoints import Spec
from synth.errors import SynthError
from synth.export import read_samples
from synth.generate import Order
from synth.ledger import Ledger
from synth.merge import TooFewRows, merge, merge_ledger
from synth.seeds import Seed
from synth.shards import Draw, Shard


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    with serve(Scripted(teach)) as script:
        yield script


@pytest.fixture
def job(tmp_path: Path, endpoint: Scripted) -> Job:
    return Job(home=tmp_path, base_url=endpoint.base_url)


@pytest.fixture(scope="module")
def cooked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 40 seeds in three shards, to be copied."""
    home = tmp_path_factory.mktemp("cooked")
    with serve(Scripted(teach)) as script:
        Job(home=home, base_url=script.base_url).cook_shards(3)
    return home / "run" / "shards"


@pytest.fixture
def shards(cooked: Path, tmp_path: Path) -> Path:
    """A copy of them, to be spoilt."""
    shutil.copytree(cooked, tmp_path / "shards")
    return tmp_path / "shards"


def why_not(shards: Path) -> str:
    """What keeps the shards in a folder from becoming one."""
    with pytest.raises(SynthError) as error:
        merge(sorted(shards.iterdir()), shards.parent / "out", rows=None)
    assert not (shards.parent / "out" / "samples.parquet").exists()
    return str(error.value)


def edit(folder: Path, facts: dict[str, object]) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.mark.parametrize("text", ["3/3", "-1/3", "1", "a/b", "1/0", "0/-2", "1/2/3", "", "١/٢"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(SynthError, match="must be I/N with I from 0 to N-1"):
        Shard.parse(text)


@pytest.mark.parametrize("num_seeds", [0, 1, 7, 8, 9, 64])
def test_every_seed_is_in_exactly_one_shard_at_its_place(num_seeds: int) -> None:
    seeds = [Seed(id=str(number), text=str(number)) for number in range(num_seeds)]
    parts = [list(Draw(iter(seeds), Shard(index, 8))) for index in range(8)]
    woven = [seed for turn in itertools.zip_longest(*parts) for seed in turn if seed is not None]
    assert woven == seeds
    assert [len(part) for part in parts] == [Shard(index, 8).num_seeds(num_seeds) for index in range(8)]


def test_a_draw_knows_whether_the_seeds_ended() -> None:
    def draw(bound: int | None) -> Draw:
        made = Draw((Seed(id=str(number), text="") for number in range(5)), Shard(0, 2), bound)
        assert len(list(made)) == made.taken
        return made

    assert (draw(None).ended, draw(5).ended, draw(4).ended) == (True, True, False)
    assert draw(4).digests == {key: draw(None).digests[key] for key in ("1", "2", "4")}


def test_what_a_run_is_allowed_is_divided_and_never_passed() -> None:
    order = Order(recipe="r", concurrency=10, rpm=60, tpm=None, shard=Shard(1, 4))
    limits = order.limits(Spec(kind="openai"))
    assert (limits.concurrency, limits.rpm, limits.tpm) == (2, 15, None)
    assert Order(recipe="r", concurrency=2, shard=Shard(1, 4)).limits(Spec(kind="openai")).concurrency == 1
    share = Budget(max_calls=10, max_tokens=100, max_cost_usd=2.0).share(4)
    assert (share.max_calls, share.max_tokens, share.max_cost_usd) == (2, 25, 0.5)
    assert Budget(max_calls=3).share(4).max_calls == 0
    assert [Shard(0, 4).rows(rows) for rows in (None, 8, 9)] == [None, 2, 3]


def test_merged_shards_are_the_local_run_byte_for_byte_and_it_goes_on_there(job: Job, endpoint: Scripted) -> None:
    for index in range(3):
        done = job.generate("--shard", f"{index}/3")
        assert done.returncode == 0, done.stderr
        assert not (job.home / "run" / "shards" / f"{index}-of-3" / "export").exists()
    asked = len(endpoint.received)
    done = job.synth("merge", *(f"run/shards/{index}-of-3" for index in (2, 0, 1)), "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["funnel"]["seeds"] == 40
    merged = job.dataset()
    job.cook()
    assert len(endpoint.received) == asked, "the merged ledger has it all"
    assert job.dataset() == merged
    job.cook(out="local")
    assert job.dataset("local") == merged
    samples = read_samples(job.home / "run" / "samples.parquet")
    assert {"dedup.exact", "parse.no_tag"} <= {sample.dropped for sample in samples}
    assert samples[5].response.split()[0] in job.synth("explain", samples[5].id, "run").stdout


def test_shards_that_are_too_short_say_how_to_go_on_until_they_suffice(job: Job, endpoint: Scripted) -> None:
    job.cook_shards(3, rows=24, concurrency=3)
    runs = 3
    with pytest.raises(TooFewRows):
        job.merge(24)
    for _ in range(4):
        try:
            job.merge(24)
            break
        except TooFewRows as short:
            advice = str(short)
        command = re.search(
            r"run `synth generate .* --rows (\d+) --shard (\d|I)/3`(?: for I = ([\d, ]+))?, then", advice
        )
        assert command, advice
        for index in re.findall(r"\d", command[3] or command[2]):
            job.cook(shard=f"{index}/3", rows=int(command[1]), concurrency=3)
            runs += 1
    repeated = sum(count - 1 for count in endpoint.delivered.values())
    assert repeated <= runs, "only the call in flight at a shard's end may be made again"
    job.cook(rows=24, out="local")
    assert job.dataset() == job.dataset("local")
    assert job.manifest()["funnel"] == job.manifest("local")["funnel"]


def test_shards_with_a_target_are_not_merged_without_one(job: Job) -> None:
    job.cook_shards(2, rows=4)
    with pytest.raises(TooFewRows, match=r"without --rows, or give this command --rows"):
        job.merge()


def test_a_budget_that_ends_a_shard_ends_the_merged_rows_there(job: Job, endpoint: Scripted) -> None:
    job.cook_shards(2, budget=Budget(max_calls=20))
    assert len(endpoint.received) <= 20
    batch = job.merge().batch
    assert re.fullmatch(r"shard [01]/2: --max-calls 10 is used up", batch.stopped_by)
    assert batch.funnel.unfinished == 1
    assert batch.funnel.adds_up


def test_more_shards_than_seeds(job: Job) -> None:
    job.write_seeds(range(2))
    job.cook_shards(3)
    assert job.merge().batch.funnel.seeds == 2


def test_an_empty_shard_is_a_part_of_a_good_whole(job: Job) -> None:
    job.write_seeds(range(2))
    done = job.generate("--shard", "2/3")
    assert done.returncode == 0, done.stderr
    assert "run/shards/2-of-3" in done.stderr


def test_a_missing_shard_is_named_with_its_command(shards: Path) -> None:
    shutil.rmtree(shards / "1-of-3")
    assert why_not(shards).endswith(
        "1 shards not there; run `synth generate --recipe plain --out run --shard 1/3`, then merge all 3"
    )


def test_a_shard_that_never_ended_is_named_with_its_command(shards: Path) -> None:
    (shards / "2-of-3" / "manifest.json").unlink()
    assert "2-of-3: not finished; run `synth generate" in why_not(shards)


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"seed": 1}, "another seed, 1 here and 0 in"),
        ({"locale": "zh"}, "another locale"),
        ({"teacher": "openai:other"}, "another teacher"),
        ({"judge": "openai:other"}, "another judge"),
        ({"seeds_source": "others.jsonl"}, "another seeds source"),
        ({"files": {"recipe.yaml": "0", "task.j2": "0"}}, "recipe.yaml, solve.j2, task.j2 of the recipe changed"),
        ({"versions": {"opencook": "0.0.1"}}, "opencook 0.0.1 here"),
        ({"seeds_digests": {"1": "0" * 16}}, "its seeds are not those of"),
        ({"shard": "0/3"}, "the same part twice"),
        ({"shard": "1/4"}, "not parts of one whole"),
    ],
)
def test_shards_that_were_not_made_alike_are_refused(shards: Path, facts: dict[str, object], what: str) -> None:
    edit(shards / "1-of-3", facts)
    assert what in why_not(shards)


def test_a_seed_file_that_differed_between_shards_is_found(job: Job) -> None:
    job.cook(shard="0/2")
    job.write_seeds(range(1, 40))
    job.cook(shard="1/2")
    assert "its seeds are not those of" in why_not(job.home / "run" / "shards")


def test_a_seed_file_that_was_cut_short_for_one_shard_is_found(job: Job) -> None:
    job.cook(shard="0/2")
    job.write_seeds(range(33))
    job.cook(shard="1/2")
    assert "has rows past the 33 seeds" in why_not(job.home / "run" / "shards")


def test_rows_of_another_run_than_the_manifest_are_found(shards: Path) -> None:
    shutil.copy(shards / "0-of-3" / "samples.parquet", shards / "2-of-3" / "samples.parquet")
    assert "has 14 rows where the manifest tells of 13; run `synth generate" in why_not(shards)


def test_torn_rows_are_one_line(shards: Path) -> None:
    (shards / "0-of-3" / "samples.parquet").write_bytes(b"PAR1 and then nothing")
    assert "samples.parquet: cannot be read" in why_not(shards)


def test_a_ledger_that_is_gone_is_one_line(shards: Path) -> None:
    (shards / "1-of-3" / "ledger.sqlite").unlink()
    with pytest.raises(SynthError, match=r"1-of-3/ledger\.sqlite: not there"):
        merge(sorted(shards.iterdir()), shards.parent / "out", rows=None)
    assert not (shards.parent / "out" / "manifest.json").exists()


def test_a_whole_run_is_no_shard(job: Job) -> None:
    job.cook(rows=1)
    assert "is no shard but a whole run" in one_line(job.synth("merge", "run", "--out", "other"))


def test_flags_that_contradict_are_bad_usage(job: Job) -> None:
    for flags in (("--engine", "ray", "--shard", "0/2"), ("--shards", "2")):
        assert job.generate(*flags).returncode == 2


def answered(folder: Path, *texts: tuple[str, str]) -> Path:
    with Ledger(folder) as ledger:
        for prompt, text in texts:
            request = Request(teacher="t", messages=({"role": "user", "content": prompt},), sampling={})
            ledger.add_completion(request, Completion(text=text, finish_reason="stop"))
    return ledger.path


def test_merging_ledgers_keeps_the_first_answer_counts_the_others_and_can_be_repeated(tmp_path: Path) -> None:
    one = answered(tmp_path / "one", ("a", "1"), ("b", "2"))
    other = answered(tmp_path / "other", ("b", "3"), ("c", "4"), ("a", "1"))
    into = answered(tmp_path / "into")
    assert [merge_ledger(into, source) for source in (one, other, one, other)] == [0, 1, 0, 1]
    with closing(sqlite3.connect(into)) as db:
        assert db.execute("SELECT text FROM completions ORDER BY text").fetchall() == [("1",), ("2",), ("4",)]
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (3,)
