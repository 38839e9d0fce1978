"""What README and docs say of the sandbox is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.languages import LANGUAGES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_table_has_every_language_and_what_its_tests_are():
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| (.+) \|$", README, re.MULTILINE)
    assert {name: tests for name, tests in rows if name in LANGUAGES} == {
        name: language.tests_are for name, language in LANGUAGES.items()
    }


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_the_example_runs_as_written(capsys):
    block = re.search(r"```python\n(from sandbox.pool .*?)```", README, re.DOTALL)
    assert block is not None
    exec(compile(block[1].replace("1_000", "20"), "README.md", "exec"), {})
    assert capsys.readouterr().out == "passed\nfailed\n"
