"""Rules for what opens doors: private keys, tokens by their well-known forms, passwords, credentials in URLs.

`pii.redact` applies them. A value that only stands where a secret belongs (`"your-api-key"`, a plain word) stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

STAND_IN = re.compile(
    r"^[<{$%#*.\[/]|x{4}|\*{3}|\.{3}|your|^my|example|placeholder|change|dummy|sample|insert|replace|todo|fake|test|"
    r"none|null|undefined|password|passwd|secret|token|1234|abcd|process\.env|environ",
    re.I,
)
"""What stands where a secret belongs in examples."""


class Rule(NamedTuple):
    """One kind of personal data."""

    pattern: re.Pattern[str]
    write: Callable[[re.Match[str]], str | None]
    """The replacement, `None` to leave the match as it is."""
    shape: re.Pattern[str] | None = None
    """What must be there at all, where that is quicker to look for."""
    signs: tuple[str, ...] = ()
    """The same as lower-case texts, of which one must be there."""


def verbose(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern with spaces and comments. ASCII: else a Chinese character and the number after it were one word."""
    return re.compile(pattern, flags | re.X | re.A)


def _mixed(value: str) -> bool:
    """Whether there are a letter and a digit in it, as in no word and no number."""
    return any(c.isalpha() for c in value) and any(c.isdigit() for c in value)


def _key(match: re.Match[str]) -> str | None:
    return "<key>" if _mixed(match[0]) and match[0].lower() != match[0] else None


def _named_key(match: re.Match[str]) -> str | None:
    value = match["value"]
    is_name = not match["quote"] and re.search(r"[a-z]{6}", value)  # `private_key: Ed25519PrivateKey`
    if is_name or not _mixed(value) or STAND_IN.search(value):
        return None
    return match["before"] + "<key>"


def _password(match: re.Match[str]) -> str | None:
    value = match["value"].rstrip(".")
    if STAND_IN.search(value) or not (_mixed(value) or re.search(r"[!@$%^&*]", value)):
        return None
    return match["before"] + "<password>" + match["value"][len(value) :]


def _credentials(match: re.Match[str]) -> str | None:
    is_stand_in = STAND_IN.search(match["value"]) or match["value"].lower() in ("pass", "pwd", "pw")
    return None if is_stand_in else match["before"] + "<name>:<password>"


SECRET_SIGNS = ("passw", "passphrase", "pwd", "密码", "口令")
_SECRET = r"(?:password|passwd|passphrase|pwd|密码|口令)"
_KEY = r"(?:(?:api|access|secret|private|auth|client|account|app)[_-]?(?:key|token|secret)|secret|token)"
CREDENTIALS = (
    Rule(
        verbose(
            r"""-----BEGIN\ (?:[A-Z0-9]{1,12}\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----
            (?:(?!-----)[A-Za-z0-9+/=\s\\"',.:-]){40}(?:(?!-----)[A-Za-z0-9+/=\s\\"',.:-])*+
            (?:-----END\ [A-Z0-9 ]{0,40}-----)?"""
        ),
        lambda _: "<key>",
        signs=("private key",),
    ),
    Rule(
        verbose(r"eyJ(?<![\w-]...)[\w-]{8,}+\.eyJ[\w-]{8,}+\.[\w-]{8,}+"),  # a JSON web token
        lambda _: "<key>",
        signs=("eyj",),
    ),
    Rule(
        verbose(
            r"""(?<![\w-])(?:(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)|gh[opsru]_[A-Za-z0-9]{36,}+|github_pat_\w{22,}+|
            glpat-[\w-]{20,}+|xox[abeoprs]-[\w-]{10,}+|xapp-[\w-]{20,}+|AIza[\w-]{35}(?![\w-])|sk-[\w-]{20,}+|
            [rsp]k_(?:live|test)_\w{16,}+|hf_[A-Za-z0-9]{30,}+|npm_[A-Za-z0-9]{36}(?!\w)|pypi-Ag[\w-]{50,}+|
            LTAI[A-Za-z0-9]{12,24}(?!\w))"""
        ),
        _key,
        signs=(
            *("akia", "asia", "gho_", "ghp_", "ghs_", "ghr_", "ghu_", "github_pat_", "glpat-", "xox", "xapp-", "aiza"),
            *("sk-", "k_live", "k_test", "hf_", "npm_", "pypi-", "ltai"),
        ),
    ),
    Rule(
        verbose(
            r"""(?P<before>\b[a-zA-Z][\w+.-]{1,20}://)[^\s:/@<>{}$%\"'`]{1,64}:(?P<value>[^\s/@<>{}$%\"'`]{1,128})
            (?=@[\w\[])"""
        ),
        _credentials,
        verbose(r"://[^\s/@]{3,200}@"),
    ),
    Rule(
        verbose(
            rf"""(?P<before>(?<![A-Za-z:]){_KEY}["']?\s{{0,4}}(?:=>|:=|[=:])\s{{0,4}}(?P<quote>["'`]?))
            (?P<value>[A-Za-z0-9+/=_.-]{{16,200}}+)(?=(?P=quote)(?:[\s,;)}}\]]|$))""",
            re.I,
        ),
        _named_key,
        verbose(r"[=:>]\s{0,4}[\"'`]?[A-Za-z0-9+/=_.-]{16}"),
        ("key", "token", "secret"),
    ),
    Rule(  # password = "...", "password": "..."
        verbose(
            rf"""(?P<before>(?<![A-Za-z]){_SECRET}["']?\s{{0,4}}(?:=>|:=|[=:])\s{{0,4}}(?P<quote>["'`]))
            (?P<value>[^\s"'`]{{4,100}}+)(?=(?P=quote))""",
            re.I,
        ),
        _password,
        signs=SECRET_SIGNS,
    ),
    Rule(  # PASSWORD=... of a settings file, `password: ...` of YAML, and "my password is ..."
        verbose(
            rf"""(?P<before>(?:^[ \t]{{0,20}}(?:[A-Z_]{{0,40}}(?:PASSWORD|PASSWD|PWD)=|[\w.-]{{0,40}}password:[ ])|
            {_SECRET}(?:[ ]is[ ]|[ ]?[是为][ ]?|[：:][ ]?)["'“]?))
            (?P<value>(?![“"'])[^\s"'`()\[\]<>{{}};,，。；”]{{6,100}}+)
            (?=["'”.。，,;；]?(?:\s|$|[，。；]))""",
            re.M,
        ),
        _password,
        signs=SECRET_SIGNS,
    ),
)
