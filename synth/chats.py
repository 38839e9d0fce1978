"""Chat logs and instruction rows as seeds: what was asked, what was answered, in which languages.

Shapes: `conversation` or `messages` (lists of `{role, content}`: WildChat, OpenAI), `conversations` (`{from, value}`:
ShareGPT), and rows of `instruction`, `input`, `output`. Of a conversation the seed is the first turn of the user that
asks about code and can be understood alone; where none asks about code it is the opening one, and the recipe's own
check turns it down. System turns are passed over; rows marked `toxic` or `redacted` are left out and counted.

`FILTERS` are what recipes need to work on such seeds. Not covered: pictures, tool calls, joining several turns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sandbox.languages import LANGUAGES
from synth.code_terms import asks_for_code
from synth.curate.pii import redact
from synth.locales import locale_of
from synth.parse import FENCE, has_syntax_error
from synth.residue import clean, open_fence
from synth.words import has_code

TURN_COLUMNS = ("conversation", "conversations", "messages")
USER = frozenset({"user", "human", "prompter"})
ASSISTANT = frozenset({"assistant", "gpt", "chatgpt", "bot", "model", "bard", "bing", "claude"})
FLAGS = ("toxic", "redacted")
ALIASES = {
    **{
        name: name
        for name in (*LANGUAGES, "sql", "html", "css", "swift", "kotlin", "scala", "dart", "powershell", "matlab")
    },
    **{"py": "python", "python3": "python", "js": "javascript", "jsx": "javascript", "node": "javascript"},
    **{"ts": "typescript", "tsx": "typescript", "c++": "cpp", "cc": "cpp", "c#": "csharp", "cs": "csharp"},
    **{"sh": "bash", "shell": "bash", "zsh": "bash", "golang": "go", "rs": "rust", "rb": "ruby", "mysql": "sql"},
}
"""What fences and people call a programming language -> its name here."""
PLAIN = "text"
"""The language of a row that names none, as Markdown calls it."""
NAMED = re.compile(
    r"(?<![\w.])(python|javascript|typescript|java|c\+\+|c#|golang|go(?= (?:program|code|function|语言))|rust|ruby|php|"
    r"swift|kotlin|scala|dart|bash|powershell|sql|mysql|html|css|matlab|haskell|perl|lua|fortran)(?![\w+#])",
    re.I | re.A,
)
LEANS = re.compile(
    r"\A\W*(?:(?:now|also|and|but|so|then|ok(?:ay)?|again|continue|go on|instead|yes|no|thanks|thank you|great|another|"
    r"still|next|what about|how about)\b|再|继续|那|还有|另外|然后|但是|好的|谢谢|接着|换)|"
    r"\b(?:above|previous(?:ly)?|earlier|again|instead|your (?:code|answer|solution|last)|you (?:gave|wrote|said)|"
    r"the same)\b|上面|前面|之前|刚才|上述|你给|你写|同样的|改成|换成",
    re.I,
)
"""Words that lean on what was said before."""
POINTS = re.compile(
    r"\b(?:it|its|this|these|them|that(?=\W*$)|the (?:code|script|function|program|error|first|second|last))\b|"
    r"它|这个|那个|这段|这些",
    re.I,
)
"""Words that point: to what was said before, unless the turn brings code of its own."""
REFUSAL = re.compile(
    r"\b(?:I'?m sorry,? but|I(?:'m| am) (?:unable|not able) to|I can(?:not|'t) (?:assist|help|provide|fulfil|comply)|"
    r"as an AI(?: language)? model|I don'?t have (?:access|the ability))|"
    r"(?:抱歉|对不起)，?(?:但|我)|作为一?个?(?:AI|人工智能|语言模型)",
    re.I,
)
WANTS_CODE = re.compile(
    r"\b(?:write|create|implement|generate|build|make|fix|convert|rewrite|refactor|code|program|script|function|query|"
    r"example|regex)\b|写|实现|编写|生成|修复|修改|改写|代码|程序|脚本|函数|示例",
    re.I,
)
MIN_ANSWER = {"en": 150, "zh": 50}
"""Characters below which an answer without code says too little."""


class Exchange(NamedTuple):
    """A question, and the answer that was logged."""

    text: str
    answer: str
    locale: str
    language: str
    """Of the code, `text` where none is named."""


class Turn(NamedTuple):
    """One message of a conversation."""

    is_user: bool
    text: str


def is_chat(row: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation, or an instruction with its answer."""
    return any(isinstance(row.get(name), list) for name in TURN_COLUMNS) or bool(
        isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str) and not row.get("tests")
    )


def read_chat(row: Mapping[str, Any]) -> Exchange | str:
    """The exchange to start from, or else the reason why there is none (`chat.toxic`, ...)."""
    column = next((name for name in TURN_COLUMNS if isinstance(row.get(name), list)), None)
    marked = [row, *(turn for turn in row[column] if isinstance(turn, dict))] if column else [row]
    for flag in FLAGS:
        if any(part.get(flag) is True for part in marked):
            return f"chat.{flag}"
    if column is None:
        parts = [row["instruction"], row.get("input")]
        text = "\n\n".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
        return _exchange(text, row["output"]) if text else "row.no_text"
    return _choose(list(_turns(row[column])))


def _turns(messages: list[Any]) -> Iterator[Turn]:
    """The turns of user and assistant that hold text."""
    for message in messages:
        if not isinstance(message, dict):
            continue
        role = str(message.get("role") or message.get("from") or "").lower()
        text = message.get("content") if "content" in message else message.get("value")
        if isinstance(text, list):  # parts, as newer logs have them
            text = "\n".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
        if isinstance(text, str) and text.strip() and role in USER | ASSISTANT:
            yield Turn(role in USER, text)


def _choose(turns: list[Turn]) -> Exchange | str:
    asked = [at for at, turn in enumerate(turns) if turn.is_user]
    if not asked:
        return "chat.no_question"
    about_code = [at for at in asked if asks_for_code(turns[at].text)]
    alone = [at for at in about_code if at == 0 or stands_alone(turns[at].text)]
    if about_code and not alone:
        return "chat.needs_context"
    at = alone[0] if alone else asked[0]
    answers = turns[at + 1 : at + 2]
    return _exchange(turns[at].text, answers[0].text if answers and not answers[0].is_user else "")


def _exchange(text: str, answer: str) -> Exchange:
    return Exchange(text, answer, locale_of(clean(text)), language_in(text, answer))


def stands_alone(text: str) -> bool:
    """Whether a turn can be understood without those before it."""
    prose = FENCE.sub(" ", text)[:600]
    return not LEANS.search(prose) and ("```" in text or not POINTS.search(prose))


def language_in(text: str, answer: str = "") -> str:
    """The programming language of an exchange: of the first fence that names one, else the only one that it names."""
    for fence in FENCE.finditer(f"{answer}\n\n{text}"):
        if known := ALIASES.get(fence["language"].lower()):
            return known
    named = {ALIASES[name.lower()] for name in NAMED.findall(text[:2000])}
    return named.pop() if len(named) == 1 else PLAIN


def weakness(answer: str, question: str) -> str:
    """What is wrong with an answer as far as a rule can tell, empty where nothing is.

    `missing`, `refusal`, `cut_off`, `no_code` (asked for and not there), `unfenced`, `bad_syntax`, or `too_short`.
    """
    answer = answer.strip()
    if not answer:
        return "missing"
    if REFUSAL.search(answer[:300]):
        return "refusal"
    if _is_cut_off(answer):
        return "cut_off"
    fences = list(FENCE.finditer(answer))
    if not fences:
        if has_code(answer):
            return "unfenced"
        if WANTS_CODE.search(question) and asks_for_code(question):
            return "no_code"
        return "too_short" if len(answer) < MIN_ANSWER["zh" if locale_of(answer) == "zh" else "en"] else ""
    sources = [fence["body"] for fence in fences if ALIASES.get(fence["language"].lower()) == "python"]
    return "bad_syntax" if any(has_syntax_error(source) for source in sources if ">>>" not in source) else ""


def _is_cut_off(answer: str) -> bool:
    if open_fence(answer):
        return True
    last = answer.rsplit("\n", 1)[-1]
    is_item = re.match(r"\s*(?:[-*+] |\d+[.)] )", last) is not None
    return len(answer) > 400 and not is_item and re.search(r"[\w,，、(]\Z", last) is not None


def redacted(text: str) -> str:
    """`text` with placeholders for personal data."""
    return redact(text)[0]


FILTERS: dict[str, Callable[..., Any]] = {
    "clean": clean,
    "redact": redacted,
    "weakness": weakness,
    "asks_for_code": asks_for_code,
}
"""For the templates and conditions of recipes."""
