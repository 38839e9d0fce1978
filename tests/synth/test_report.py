"""The report page: self-contained, inert to hostile rows, honest about what it leaves out."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gzip
import hashlib
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chromium import find_browser, open_browser
from sandbox.verdict import Job, TestResult, Verdict
from synth.calls import Completion, Request
from synth.errors import RunFolderError
from synth.figures import RowStats
from synth.ledger import Ledger
from synth.report import RunFacts, choose_rows, embed_json, write_page, write_report
from synth.report_rows import MAX_CHARS
from synth.sample import Check, Funnel, Provenance, Sample, TestOutcome, count_funnel

HOSTILE = (
    "</script><script>document.title='PWNED'</script><!--<script><img src=x onerror=alert(1)>]]>&lt;\u2028\x1b[31m"
)
FACTS = RunFacts(name="demo", recipe="educational", teacher="local", command="synth generate", seconds=10.0)


def row(number: int = 0, **changes: Any) -> Sample:
    given = {
        "recipe": "educational",
        "seed_id": f"s{number}",
        "instruction": f"Do {number}",
        "response": "r",
        **changes,
    }
    return Sample(**given)


def chosen_of(samples: list[Sample], limit: int) -> list[Sample]:
    return list(choose_rows(samples, RowStats.over(samples).outcomes, limit))


def hostile_row() -> Sample:
    check = Check(status="failed", outcomes=(TestOutcome(test=HOSTILE, passed=False, error=HOSTILE + "\ud800"),))
    text: dict[str, Any] = dict.fromkeys(
        ("seed_id", "instruction", "response", "code", "entry_point", "detail"), HOSTILE
    )
    made = Provenance(teacher=HOSTILE, seed_source=HOSTILE, templates={HOSTILE: HOSTILE})
    return Sample(
        recipe=HOSTILE, check=check, provenance=made, dropped="verify.failed", scores={"x": float("nan")}, **text
    )


def render(samples: Any, funnel: Funnel | None = None, facts: RunFacts = FACTS, **options: Any) -> bytes:
    file = io.BytesIO()
    write_page(file, samples, funnel or count_funnel(samples, seeds=sum(1 for _ in samples)), facts, **options)
    return file.getvalue()


class Page(HTMLParser):
    """Every element with its attributes, and the text of scripts and styles."""

    def __init__(self, samples: list[Sample], facts: RunFacts = FACTS, **options: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self.text = render(samples, facts=facts, **options).decode()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            if self.raw and self.raw[-1][0] == f"{self.cdata_elem}+{len(self.elements)}":
                data = self.raw.pop()[1] + data
            self.raw.append((f"{self.cdata_elem}+{len(self.elements)}", data))

    @property
    def entries(self) -> list[dict[str, Any]]:
        index = json.loads(next(data for tag, data in self.raw if tag.startswith("script")))
        return [dict(zip(index["fields"], entry, strict=True)) for entry in index["entries"]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return unpack(self.text, "rows")

    @property
    def stories(self) -> list[list[dict[str, Any]]]:
        return unpack(self.text, "stories")


def unpack(page: str, name: str) -> list[Any]:
    """The records of all blocks of a page, their numbers replaced by texts."""
    records = []
    for packed in re.findall(rf'<script type="text/plain" id="{name}-\d+">([\w+/=]*)</script>', page):
        block = json.loads(gzip.decompress(base64.b64decode(packed)))
        texts = [block["texts"][place] for place in block["places"]]
        records += [revive(record, texts) for record in block["records"]]
    return records


def revive(value: Any, texts: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: revive(part, texts) for name, part in value.items()}
    if isinstance(value, list):
        return [revive(part, texts) for part in value]
    return value if value is None or isinstance(value, bool) else texts[value]


def test_a_hostile_row_adds_no_element_to_the_page() -> None:
    tame, hostile = Page([row().drop("verify.failed")]), Page([hostile_row()])
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]


def test_hostile_text_comes_back_whole_from_the_data() -> None:
    page = Page([hostile_row()])
    (shown,), (entry,) = page.rows, page.entries
    expected = HOSTILE.replace("\x1b", "<U+001B>")
    assert {shown[name] for name in ("instruction", "response", "code", "detail")} == {expected}
    assert {entry[name] for name in ("seed", "entry", "recipe")} == {expected}
    assert shown["tests"] == [{"test": expected, "passed": False, "error": expected + "<U+D800>"}]


def test_hostile_facts_add_no_element_to_the_page() -> None:
    facts = RunFacts(
        name=HOSTILE, recipe=HOSTILE, teacher=HOSTILE, command=HOSTILE, versions={"v": "1"}, seeds_source=HOSTILE
    )
    tame = RunFacts(name="n", recipe="r", teacher="t", command="c", versions={"v": "1"}, seeds_source="s")
    assert [tag for tag, _ in Page([row()], facts).elements] == [tag for tag, _ in Page([row()], tame).elements]


def test_embedded_json_has_no_character_that_html_reads() -> None:
    assert not set("<>&") & set(embed_json([HOSTILE]))
    assert json.loads(embed_json([HOSTILE])) == [HOSTILE]


def test_nothing_on_the_page_points_outside_it() -> None:
    page = Page([row()])
    links = [value for _, attrs in page.elements for name, value in attrs.items() if name in ("src", "href", "action")]
    assert all(link is not None and link.startswith(("#", "data:")) for link in links)
    assert not re.search(
        r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|insertAdjacentHTML|document\.write|eval\(", page.text
    )


def test_the_policy_allows_exactly_our_script_and_style() -> None:
    page = Page([hostile_row()])
    policy = next(str(attrs["content"]) for _, attrs in page.elements if attrs.get("http-equiv"))
    style, _index, script, _block = [data for _, data in page.raw]
    for directive, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_breaks_its_own_policy_nowhere() -> None:
    names = {name for _, attrs in Page([row()]).elements for name in attrs}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_the_sum_is_stated() -> None:
    samples = [row(0), row(1), row(2).drop("verify.failed"), row(3).drop("dedup.near")]
    assert "4 seeds = 2 kept + 2 dropped. Nothing is missing." in Page(samples).text


def test_a_funnel_that_does_not_add_up_says_so() -> None:
    page = render([row()], Funnel(seeds=3, kept=1, dropped={})).decode()
    assert "This does not add up" in page
    assert "(+2)" in page
    assert "Nothing is missing" not in page


def test_an_unknown_price_is_not_shown_as_free() -> None:
    text = Page([row()]).text
    assert "price not known" in text
    assert "$0" not in text


def test_a_run_without_rows_has_a_page() -> None:
    page = Page([])
    assert page.rows == []
    assert "No row was kept" in page.text


def test_rows_left_out_are_counted() -> None:
    page = Page([row(number) for number in range(50)], max_rows=20)
    assert len(page.rows) == 20
    assert "20 of 50 rows are in this file, 30 are left out" in page.text
    assert "left out" not in Page([row()]).text


def test_half_the_room_is_for_kept_rows_and_the_rest_even_by_reason() -> None:
    many = [row(number) for number in range(100)]
    many += [row(number).drop("verify.failed") for number in range(100, 300)]
    many += [row(number).drop("dedup.near") for number in range(300, 303)]
    chosen = chosen_of(many, 40)
    reasons = [sample.dropped for sample in chosen]
    assert (reasons.count(None), reasons.count("dedup.near"), reasons.count("verify.failed")) == (20, 3, 17)


def test_room_that_kept_rows_do_not_need_goes_to_dropped_ones() -> None:
    many = [row(0)] + [row(number).drop("a.b") for number in range(1, 100)]
    assert [sample.dropped for sample in chosen_of(many, 10)] == [None] + ["a.b"] * 9


def test_chosen_rows_keep_their_order_and_reach_from_early_to_late() -> None:
    many = [row(number) if number % 3 else row(number).drop("a.b") for number in range(900)]
    numbers = [int(sample.seed_id[1:]) for sample in chosen_of(many, 60)]
    assert numbers == sorted(set(numbers))
    assert numbers[0] < 30
    assert numbers[-1] > 850


@pytest.mark.parametrize("limit", [0, 1, 7, 899, 900])
def test_the_limit_is_met_exactly(limit: int) -> None:
    many = [row(number) if number % 2 else row(number).drop(f"a.r{number % 14}") for number in range(900)]
    assert len(chosen_of(many, limit)) == limit


@pytest.mark.parametrize(("extra", "cut"), [(0, False), (1, True)])
def test_a_very_long_text_is_cut_with_a_count(extra: int, cut: bool) -> None:
    (shown,) = Page([row(response="x" * (MAX_CHARS + extra))]).rows
    assert ("[1 more characters are in samples.parquet]" in shown["response"]) is cut


def test_twenty_thousand_rows_stay_a_small_file() -> None:
    many = [row(number, code="x = 1\n" * 200) for number in range(20_000)]
    assert len(render(many)) < 10_000_000


class Stored:
    """Samples that are made anew at each turn, as those read from a file are."""

    def __init__(self, number: int, chars: int) -> None:
        self.number, self.chars = number, chars

    def __iter__(self) -> Iterator[Sample]:
        for index in range(self.number):
            made = row(index, code=f"{index} " + "x" * self.chars)
            yield made if index % 3 else made.drop(f"a.r{index % 2}")


def test_samples_from_a_file_give_the_same_page_as_those_in_memory() -> None:
    stored = Stored(300, chars=10)
    assert render(stored, max_rows=40) == render(list(stored), max_rows=40)


class Sink(io.RawIOBase):
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def test_memory_does_not_grow_with_the_rows() -> None:
    stored = Stored(2_000, chars=50_000)  # 100 MB, of which 40 are shown
    tracemalloc.start()
    try:
        write_page(Sink(), stored, count_funnel(stored, seeds=2_000), FACTS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000_000


def test_a_generator_that_ends_after_the_first_turn_is_a_defect_and_no_empty_page() -> None:
    with pytest.raises(AssertionError, match="the same rows each time"):
        render(iter([row()]), count_funnel([row()], seeds=1))


def test_an_unwritable_report_is_one_line_and_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RunFolderError, match=r"report\.html: cannot be written, got .+; "):
        write_report(tmp_path / "report.html", [row()], count_funnel([row()], seeds=1), FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


DRIVER = """(async () => {
  const seen = [], text = (id) => document.getElementById(id).textContent;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const busy = () => document.querySelector("[aria-busy]") || text("matches").includes("searched");
  const still = () => document.readyState === "complete" && !busy();
  const pause = async () => { do await new Promise((next) => setTimeout(next, 150)); while (!still()); };
  await pause();
  %s
  return seen;
})()"""


def drive(
    folder: Path, samples: list[Sample], script: str, *, width: int = 1200, ledger: Ledger | None = None
) -> list[Any]:
    """What `script` put into `seen` while it used the page, opened at the first row."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium on this machine")
    funnel = count_funnel(samples, seeds=len(samples))
    write_report(folder / "report.html", samples, funnel, FACTS, ledger=ledger)

    async def use() -> Any:
        async with asyncio.timeout(100), open_browser(browser) as page:
            await page.resize(width, 900)
            await page.goto(folder / "report.html", f"#{samples[0].id}")
            return await page.evaluate(DRIVER % script)

    return asyncio.run(use())  # type: ignore[no-any-return]


def test_a_browser_opens_links_moves_searches_and_filters(tmp_path: Path) -> None:
    samples = [hostile_row(), row(1), row(2, code="needle = 1"), *(row(number) for number in range(3, 300))]
    script = """
      const look = async () => { await pause(); seen.push({hash: location.hash.slice(1),
        detail: text("detail"), matches: text("matches"), listed: document.querySelectorAll("#list li").length}); };
      const search = document.getElementById("search");
      await look();
      press("j"); await look();
      search.value = "NEEDLE do"; search.dispatchEvent(new Event("input")); await look();
      press("Escape"); await look();
      document.querySelector("[data-pick='drop:verify.failed']").click(); await look();"""
    linked, moved, searched, cleared, picked = drive(tmp_path, samples, script)
    assert "PWNED" in linked["detail"]
    assert moved["hash"] == samples[1].id in moved["detail"]
    assert searched["matches"] == "1 of 300 rows"
    assert "needle = 1" in searched["detail"]
    assert (cleared["matches"], cleared["listed"]) == ("300 rows", 100)
    assert picked["matches"] == "1 of 300 rows"


def test_hostile_rows_make_no_element_in_the_browser(tmp_path: Path) -> None:
    script = 'seen.push(document.title, document.images.length, document.scripts.length, all("#detail b").length);'
    assert drive(tmp_path, [hostile_row()], script) == ["demo · opencook", 0, 3, 0]


def test_highlighting_and_fences_lose_no_character_of_the_code(tmp_path: Path) -> None:
    codes = [
        Path(re.__file__).read_text(),
        'x = \'unclosed\ny = """never\nends # not a comment',
        "/* open\n// a\n--b # c `tick ${'$'}{ 1e9_0 0xFF",
        "def f(:\n\treturn '\\'' + r'\\' <b>&amp;</b>\n\n\n",
    ]
    samples = [
        row(number, code=code, language=("python", "javascript")[number % 2]) for number, code in enumerate(codes)
    ]
    samples += [row(9 + number, response=f"So:\n```python\n{code}\n```\nDone.") for number, code in enumerate(codes)]
    script = """for (const _ of document.querySelectorAll("#list li")) {
      seen.push(document.querySelector("#detail pre").textContent); press("j"); await pause(); }"""
    assert [shown.rstrip("\n") for shown in drive(tmp_path, samples, script)] == [c.rstrip("\n") for c in codes * 2]


def test_a_row_that_is_not_in_the_file_is_said_to_be_missing(tmp_path: Path) -> None:
    script = 'location.hash = "0123456789abcdef"; await pause(); seen.push(text("detail"));'
    (told,) = drive(tmp_path, [row()], script)
    assert told == "Row 0123456789abcdef is not in this file. synth explain 0123456789abcdef tells its story."


def test_on_a_phone_a_row_covers_the_list_until_it_is_closed(tmp_path: Path) -> None:
    script = """
      const look = async () => { await pause(); seen.push([location.hash !== "",
        getComputedStyle(document.getElementById("detail")).display]); };
      await look(); press("Escape"); await look();
      document.querySelector("#list a").click(); await look(); document.querySelector(".back").click(); await look();"""
    opened, closed = [True, "block"], [False, "none"]
    assert drive(tmp_path, [row(0), row(1)], script, width=390) == [opened, closed, opened, closed]


def with_story(folder: Path, *, text: str = "said", verdict: str = "printed") -> tuple[Sample, Ledger]:
    """A row with one question and one program, and the open ledger that knows both."""
    request = Request(teacher="t", messages=({"role": "user", "content": f"asked {text}"},), sampling={})
    job = Job(code="x = 1", tests=("assert x",))
    ledger, key = Ledger(folder), job.identity("image", "1")
    ledger.add_completion(request, Completion(text=text, finish_reason="stop", prompt_tokens=1_234))
    result = TestResult(passed=False, error=text)
    ran = Verdict(status="failed", stdout=verdict, stderr=text, test_results=(result,))
    ledger.add_verdict(key, dataclasses.asdict(job), ran)
    made = Provenance(completions=(request.key,), asked=("task.j2",), verdicts=(key,), ran=("candidate 1",))
    return row(provenance=made), ledger


def test_with_a_ledger_each_row_has_its_story_and_without_one_none(tmp_path: Path) -> None:
    sample, ledger = with_story(tmp_path)
    with ledger:
        asked, ran = Page([sample], ledger=ledger).stories[0]
    assert asked["messages"] == [["user", "asked said"]]
    assert (asked["asked"], asked["completion"], asked["tokens"]) == ("task.j2", "said", "1,234 + 0 tokens")
    assert (ran["ran"], ran["status"], ran["stdout"], ran["stderr"]) == ("candidate 1", "failed", "printed", "said")
    assert ran["tests"] == [{"test": "assert x", "passed": False, "error": "said"}]
    assert Page([sample]).stories == []


def test_a_hostile_story_makes_no_element_in_the_browser(tmp_path: Path) -> None:
    sample, ledger = with_story(tmp_path, text=HOSTILE, verdict=HOSTILE)
    script = """for (const one of all("#detail details")) one.open = true;
      const {title, images, scripts} = document;
      seen.push(title, images.length, scripts.length, text("detail").split("PWNED").length);"""
    with ledger:
        assert drive(tmp_path, [sample], script, ledger=ledger) == ["demo · opencook", 0, 4, 6]


def test_a_search_of_stories_finds_what_only_they_say_and_unfolds_it(tmp_path: Path) -> None:
    sample, ledger = with_story(tmp_path, verdict="needle")
    script = """
      const search = document.getElementById("search"), deep = document.getElementById("deep");
      search.value = "Needle"; search.dispatchEvent(new Event("input")); await pause(); seen.push(text("matches"));
      deep.checked = true; deep.dispatchEvent(new Event("change")); await pause();
      seen.push(text("matches"), all("#detail details").map((one) => one.open));"""
    with ledger:
        found = drive(tmp_path, [sample, row(1)], script, ledger=ledger)
    assert found == ["0 of 2 rows", "1 of 2 rows", [False, True]]


def test_a_row_far_down_is_listed_with_its_neighbours_and_the_way_back_up(tmp_path: Path) -> None:
    samples = [row(number) for number in range(1_000)]
    script = f"""location.hash = "{samples[900].id}"; await pause();
      const look = () => seen.push(all("#list a").length, document.getElementById("earlier").hidden);
      seen.push(document.querySelector("#list [aria-current]").hash.slice(1)); look();
      document.getElementById("earlier").click(); look();"""
    found = drive(tmp_path, samples, script)
    assert found[0] == samples[900].id
    assert found[1] < 300
    assert found[2:] == [False, found[1] + 100, False]


def test_a_longer_word_after_a_shorter_one_finds_the_same_as_alone(tmp_path: Path) -> None:
    samples = [row(number, code=f"needle{number}") for number in range(600)]
    script = """const search = document.getElementById("search");
      for (const word of ["need", "needle55", "needle5", "dle599"]) {
        search.value = word; search.dispatchEvent(new Event("input")); await pause(); seen.push(text("matches")); }"""
    assert drive(tmp_path, samples, script) == ["600 rows", "11 of 600 rows", "111 of 600 rows", "1 of 600 rows"]


def test_the_theme_is_the_readers_choice(tmp_path: Path) -> None:
    script = """const shade = () => getComputedStyle(document.body).backgroundColor;
      const button = document.getElementById("theme");
      const shades = [shade()]; for (let turn = 0; turn < 3; turn++) { button.click(); shades.push(shade()); }
      seen.push(shades[0] === shades[1], shades[1] === shades[2], shades[0] === shades[3], button.textContent);"""
    assert drive(tmp_path, [row()], script) == [True, False, True, "Theme: system"]


def test_drop_reasons_are_crossed_with_languages_and_lead_to_their_rows(tmp_path: Path) -> None:
    samples = [row(0), row(1, language="go").drop("verify.failed"), row(2).drop("verify.failed")]
    script = """document.querySelector(".crossed [data-pick='drop:verify.failed'][data-language='go']").click();
      await pause(); seen.push(text("matches"), text("detail").includes("go, en"));"""
    assert drive(tmp_path, samples, script) == ["1 of 3 rows", True]


def test_the_twin_of_a_duplicate_is_one_step_away(tmp_path: Path) -> None:
    twin = row(1)
    samples = [row(0).drop("dedup.near", f"Jaccard 0.9 with {twin.id}"), twin]
    script = 'document.querySelector("#detail .why a").click(); await pause(); seen.push(text("detail"));'
    (opened,) = drive(tmp_path, samples, script)
    assert opened.startswith("← Rowskept")
    assert twin.id in opened
