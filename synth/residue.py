"""What a chat leaves in a text that is not part of what was said, taken out: `clean`.

Invisible characters, HTML entities of an export, labels of buttons (`Copy code`), fences that a copy broke, the small
talk around an answer (`Sure! Here is the code:`), and preambles that talk a model out of its rules. Code inside fences
is left as it is, but for the first two of these.

Not covered: spelling, and translations of the small talk into languages other than English and Chinese.
"""

from __future__ import annotations

import html
import re

from synth.parse import FENCE

INVISIBLE = re.compile(
    "[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#39|#x27|#34);")
TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>")
GLUED_LABEL = re.compile(
    r"^([ \t]*`{3,})[ \t]*([\w+#]{0,20})\n[ \t]*([\w+#]{1,20}?)?[ \t]*(?:Copy code|复制代码)[ \t]*(?:\n|$)", re.M
)
"""The header of a code box, copied with it: "```", then "pythonCopy code"."""
LABELS = re.compile(
    r"^[ \t]*(?:[\w+#]{1,20}?[ \t]?)?(?:Copy code|Copy to clipboard|复制代码)[ \t]*$|"
    r"^[ \t]*(?:content_copy|Use code with caution\.?(?: Learn more)?|Regenerate response|Stop generating|重新生成|"
    r"Continue generating|Was this response better or worse\?.*|\d{1,2} ?/ ?\d{1,2}|Share this conversation|User|"
    r"ChatGPT|Model: (?:GPT|Default).*)[ \t]*$\n?",
    re.M,
)
OPENING = re.compile(
    r"\A\s*(?:(?:sure(?: thing)?|certainly|of course|absolutely|no problem|great question|good question|happy to help|"
    r"thanks? (?:you )?for (?:your|the) (?:question|clarification))[^\S\n]?[!,.:，！。]+\s*|"
    r"(?:当然(?:可以|了)?|好的|没问题|可以的|很高兴(?:能)?(?:为您|帮助您|帮到你))[，。！,!：:]+\s*)+",
    re.I,
)
LEAD = re.compile(
    r"\A\s*(?:here(?:'s| is| are) (?:the|an?|your|some|one)?[^\n.:]{0,40}(?:code|example|solution|implementation|"
    r"program|script|function|version)[^\n.:]{0,12}:|"
    r"(?:以下是|下面是|这是)[^\n。：:]{0,16}(?:代码|示例|例子|实现|程序|脚本)[：:])[ \t]*\n+",
    re.I,
)
"""A first line that only announces the code under it; one that says what the code does stays."""
CLOSING = re.compile(
    r"(?<!\s)\s*(?:(?:I )?hope (?:this|that) helps\b[^\n]{0,120}|"
    r"(?:please )?(?:let me know|feel free to (?:ask|reach out))\b[^\n]{0,160}|"
    r"如(?:果)?(?:您|你)?(?:还)?有(?:任何|其他|什么)[^\n]{0,12}(?:问题|疑问)[^\n]{0,40}|希望(?:这|以上|对)[^\n]{0,12}"
    r"(?:帮助|有用|帮到)[^\n]{0,30})\s*\Z",
    re.I,
)
JAILBREAK = re.compile(
    r"(?:ignore|disregard|forget) (?:all )?(?:of )?(?:the |your |any )?(?:previous|prior|above) "
    r"(?:instruction|prompt|rule)|do anything now|\bDAN\b|jailbreak|"
    r"without (?:any )?(?:ethical|moral|content) (?:guideline|restriction|filter|polic)|"
    r"you are (?:no longer|not) bound by|no longer an AI|developer mode (?:enabled|output)|stay in character|"
    r"(?:忽略|无视)(?:之前|以上|前面|所有)[^\n]{0,8}(?:指令|提示|规则|限制)|不受任何限制|越狱模式|开发者模式",
    re.I,
)


def clean(text: str) -> str:
    """`text` without what the chat around it left there; empty where nothing else was said."""
    text = INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\u00a0", " ")
    if ENTITY.search(text) and not TAG.search(text):  # with real tags around, the entities are meant
        text = html.unescape(text)
    text = _mend_fences(text)
    text = _outside_fences(text)
    text = CLOSING.sub("", LEAD.sub("", OPENING.sub("", text)))
    return text.strip()


def _mend_fences(text: str) -> str:
    """Every fence on a line of its own, named once, and closed."""
    text = GLUED_LABEL.sub(lambda match: f"{match[1].strip()}{(match[3] or match[2]).lower()}\n", text)
    text = re.sub(r"(?<=[^\s`])[ \t]*(```[\w+#-]{1,20}\n)", r"\n\1", text)
    ticks = open_fence(text)
    return f"{text.rstrip()}\n{ticks}" if ticks else text


def open_fence(text: str) -> str:
    """The ticks of the fence that `text` leaves open at its end, empty where none is."""
    *_, last = (None, *FENCE.finditer(text))
    return str(last["ticks"]) if last and last.end("body") == len(text) else ""  # else the closing ticks come after


def _outside_fences(text: str) -> str:
    """`text` without labels of buttons and preambles, its fences as they are."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [_without_labels(text[end : fence.start()]), fence[0]]
        end = fence.end()
    parts.append(_without_labels(text[end:]))
    return re.sub(r"\n{4,}", "\n\n\n", "".join(parts))


def _without_labels(prose: str) -> str:
    prose = LABELS.sub("", prose)
    if not JAILBREAK.search(prose):
        return prose
    return "\n\n".join(part for part in re.split(r"\n\s*\n", prose) if not JAILBREAK.search(part))
