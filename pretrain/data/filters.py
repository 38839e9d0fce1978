"""Filter rules: a document that breaks any is dropped as `filter.<rule>`, under the first it breaks.

Thresholds are data and, where no comment says otherwise, OpenCoder's. Source: arXiv 2411.04905, section 2.1.1 and
the `opc_data_filtering` repository. Not covered yet: its other signals (n-gram shares, most rules of one language).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pretrain.data.document import Document
from pretrain.data.facts import Facts

ALL = frozenset({"code", "data", "text"})
CODE = frozenset({"code"})
PROGRAMS = frozenset({"code", "data"})
TEXT = frozenset({"text"})
DATA = frozenset({"data"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Bounds on one signal; a value *at* a bound is inside."""

    name: str
    signal: Callable[[Facts], float]
    low: float | None = None
    high: float | None = None
    doc_types: frozenset[str] = ALL
    only: frozenset[str] = frozenset()
    """Languages it is for; empty means all."""
    exempt: frozenset[str] = frozenset()
    """Languages it is not for."""

    def applies(self, document: Document) -> bool:
        """Whether the rule is for documents of this type and language."""
        if document.doc_type not in self.doc_types or document.language in self.exempt:
            return False
        return not self.only or document.language in self.only

    def breaks(self, facts: Facts) -> bool:
        """Whether the signal is out of bounds."""
        value = self.signal(facts)
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


SQL = frozenset({"sql"})
RULES = (
    Rule(name="few_chars", signal=lambda facts: facts.num_chars, low=50),
    Rule(name="few_words", signal=lambda facts: facts.num_words, low=30, doc_types=PROGRAMS),
    Rule(name="few_words", signal=lambda facts: facts.num_words, low=50, doc_types=TEXT),
    Rule(name="few_lines", signal=lambda facts: facts.num_lines, low=10),
    Rule(name="many_lines", signal=lambda facts: facts.num_lines, high=100_000, doc_types=PROGRAMS),
    Rule(name="much_data", signal=lambda facts: facts.num_chars, high=5000, doc_types=DATA),
    Rule(name="long_line", signal=lambda facts: facts.longest_line, high=1000, doc_types=PROGRAMS),
    Rule(name="mean_line", signal=lambda facts: facts.mean_line, low=5, high=100, doc_types=PROGRAMS),
    # Prose may hold a paragraph a line; ours is the bound that keeps whole books on a line out.
    Rule(name="long_line", signal=lambda facts: facts.longest_line, high=10_000, doc_types=TEXT),
    Rule(name="generated", signal=lambda facts: facts.is_generated, high=0, doc_types=PROGRAMS),
    Rule(name="whitespace", signal=lambda facts: facts.whitespace_share, high=0.5),
    Rule(name="few_letters", signal=lambda facts: facts.letter_share, low=0.5),
    Rule(name="digits", signal=lambda facts: facts.digit_share, high=0.2, exempt=SQL),
    Rule(name="digits", signal=lambda facts: facts.digit_share, high=0.3, only=SQL),
    Rule(name="comments", signal=lambda facts: facts.comment_share, high=0.8, doc_types=PROGRAMS),
    Rule(name="duplicate_lines", signal=lambda facts: facts.duplicate_line_share, high=0.7, doc_types=PROGRAMS),
    Rule(name="duplicate_lines", signal=lambda facts: facts.duplicate_line_share, high=0.6, doc_types=TEXT),
    Rule(name="encoded_data", signal=lambda facts: facts.longest_encoded, high=1024, doc_types=PROGRAMS),
    Rule(name="encoded_data", signal=lambda facts: facts.encoded_share, high=0.5, doc_types=PROGRAMS),
    Rule(name="hex", signal=lambda facts: facts.hex_share, high=0.4),
    Rule(name="todo", signal=lambda facts: facts.todo_share, high=0.01, doc_types=CODE, exempt=frozenset({"html"})),
    Rule(
        name="asserts",
        signal=lambda facts: facts.assert_share,
        high=0.4,
        doc_types=CODE,
        exempt=frozenset({"shell", "html", "go"}),
    ),
    Rule(name="syntax", signal=lambda facts: facts.parses, low=1, only=frozenset({"python"})),
)
"""In order: cheap ones first, and those that make the later ones safe (a line's length bounds what parsing costs)."""


def broken_rule(document: Document) -> str | None:
    """The drop reason of the first rule that `document` breaks; `None` for one to keep."""
    facts = Facts(document.text, document.language)
    for rule in RULES:
        if rule.applies(document) and rule.breaks(facts):
            return f"filter.{rule.name}"
    return None


def broken_rules(documents: list[Document]) -> list[str | None]:
    """`broken_rule` of each."""
    return [broken_rule(document) for document in documents]
