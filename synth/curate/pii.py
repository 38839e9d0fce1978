"""Personal data and secrets in a text, replaced by placeholders such as `<email>`: `redact`.

Found: e-mail addresses, phone numbers (international, North American, Chinese), Chinese identity cards (checksum), bank
cards (Luhn), public IP addresses, keys and tokens by their well-known forms, passwords that are assigned or told,
credentials in URLs, and the user's name in the path of a home directory.

Code is full of look-alikes, so a rule fires on what cannot well be anything else: addresses of the documentation and
private ranges, `example.com`, version numbers, `x@w.T`, `"your-api-key"` and passwords that are plain words stay.
Every pattern takes time linear in the text: it starts only where a run starts, and its repeats are bounded or
possessive.

Not covered: names of people in prose, postal addresses, dates of birth, account names.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable

from synth.curate.credentials import CREDENTIALS, Rule, verbose

GENERIC_DOMAINS = frozenset(
    "academy agency ai app asia aero art bio biz blog cat cloud club co com company coop design dev digital edu email "
    "eu fun global gov group guru host info int io jobs life link live ltd media me mil mobi museum name net network "
    "news ninja one online org page pro services shop site social solutions space studio systems team tech today tools "
    "top tv vip website wiki work world xyz zone".split()
)
"""Endings of mail domains that are longer or more common than a country's two letters."""
NOBODYS_DOMAIN = re.compile(r"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost|local)$", re.I)
"""Reserved for examples. Source: RFC 2606."""
NOBODYS_MAILBOX = frozenset({"git", "hg", "svn"})
NOBODYS_HOME = frozenset(
    "admin administrator all app default ec2-user git guest home jovyan jenkins me myuser name node "
    "nobody opc pi public root runner shared someone ubuntu user username users vagrant web work www www-data you "
    "yourname your_name yourusername your_username your-username".split()
)
PLACEHOLDER = re.compile(r"<(email|phone|id_number|card_number|ip|key|password|name)>")


def redact(text: str) -> tuple[str, Counter[str]]:
    """`text` with placeholders, and how many of each kind were put in (`email`, `phone`, ...)."""
    found: Counter[str] = Counter()
    lower = text.lower()
    for rule in RULES:
        if rule.signs and not any(sign in lower for sign in rule.signs):
            continue
        if rule.shape and not rule.shape.search(text):
            continue

        def replace(match: re.Match[str], write: Callable[[re.Match[str]], str | None] = rule.write) -> str:
            written = write(match)
            if written is None:
                return match[0]
            found.update(PLACEHOLDER.findall(written))
            return written

        text = rule.pattern.sub(replace, text)
    return text, found


def _email(match: re.Match[str]) -> str | None:
    ending = match["ending"]
    is_domain = ending.lower() in GENERIC_DOMAINS or len(ending) == 2
    if not is_domain or not (ending.islower() or ending.isupper()):
        return None
    if re.search(r"://\S*$", match.string[max(0, match.start() - 100) : match.start()]):
        return None  # of a URL with stand-ins for credentials
    if NOBODYS_DOMAIN.search(match["domain"]) or match["mailbox"].lower() in NOBODYS_MAILBOX:
        return None
    return "<email>"


def _identity_card(match: re.Match[str]) -> str | None:
    """Source: GB 11643-1999: ISO 7064 MOD 11-2 over 17 digits."""
    digits = match[0]
    remainder = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(digits[:17])) % 11
    return "<id_number>" if "10X98765432"[remainder] == digits[17].upper() else None


def _bank_card(match: re.Match[str]) -> str | None:
    digits = [int(digit) for digit in match[0] if digit.isdigit()]
    if len(set(digits)) < 4:  # a pattern such as 4444 4444 ...
        return None
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return "<card_number>" if (doubled + sum(digits[-1::-2])) % 10 == 0 else None


VERSION_BEFORE = re.compile(
    r"(?i)(?:ver(?:sion)?s?|release|rev|build|assembly\w*|firmware|[=~<>!]=|\bv\.?|[a-z]/|版本号?)"
    r"[\s\"'(:=>]{0,4}(?:is|为|是)?\s?$"
)


def _ip(match: re.Match[str]) -> str | None:
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return None
    if not address.is_global or address.is_multicast:
        return None
    if address.version == 4:
        parts = [int(part) for part in match[0].split(".")]
        is_object_identifier = parts[:2] in ([1, 2], [1, 3], [2, 5], [2, 16])
        if (
            is_object_identifier or parts[2:] == [0, 0] or max(parts) < 50 or len(set(parts)) == 1
        ):  # 1.0.0.0, 20.2.2.18, 114.114.114.114: nobody's
            return None
        if VERSION_BEFORE.search(match.string[max(0, match.start() - 24) : match.start()]):
            return None
    return "<ip>"


A_NUMBER_BEFORE = re.compile(r"(?:[\"'\w\])]\s?[=:<>+*/%]{1,2}|[\[(,])\s?$", re.A)
PHONE_BEFORE = re.compile(r"phone|tel|mobile|cell|call|contact|whatsapp|wechat|手机|电话|联系|微信", re.I)


def _phone(match: re.Match[str]) -> str | None:
    if not 10 <= sum(c.isdigit() for c in match[0]) <= 15:
        return None
    before = match.string[max(0, match.start() - 30) : match.start()]
    if match[0].isdigit() and A_NUMBER_BEFORE.search(before) and not PHONE_BEFORE.search(before):
        return None  # a number in code or data
    return "<phone>"


def _home(match: re.Match[str]) -> str | None:
    return None if match["name"].lower() in NOBODYS_HOME else match["before"] + "<name>"


RULES = (
    *CREDENTIALS,
    Rule(
        verbose(
            r"""(?<![\w.+-])(?P<mailbox>\w[\w.+-]{0,63}+)@
            (?P<domain>(?:[a-zA-Z0-9-]{1,63}+\.){1,6}(?P<ending>[a-zA-Z]{2,24}+))(?![\w(\[@]|-\w|\.\w)"""
        ),
        _email,
        verbose(r"@(?<=\w@)[a-zA-Z0-9-]{1,63}\."),
    ),
    Rule(
        verbose(r"[1-9](?<![\w.].)\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\w.]\w|\w)"),
        _identity_card,
    ),
    Rule(
        verbose(
            r"""[2-6](?<![\w.+-].)(?:(?:(?<=4)\d{3}|(?<=5)[1-5]\d\d|(?<=2)[2-7]\d\d|(?<=6)011|(?<=6)[25]\d\d|(?<=3)5\d\d)
            (?P<gap>[\ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{3})?|
            (?<=3)[47]\d\d(?P<gap2>[\ -]?)\d{6}(?P=gap2)\d{5})(?![\w.]\d|\w|-\d)"""
        ),
        _bank_card,
    ),
    Rule(  # +44 20 7946 0958
        verbose(
            r"""\+(?<![\w.)+].)[1-9]\d{0,2}(?:[\ .-]?\(\d{1,4}\))?(?:[\ .-]?\d{2,5}){2,5}(?<=\d{4})(?![\w+]|[.-]\d)"""
        ),
        _phone,
        signs=("+",),
    ),
    Rule(  # (212) 736-5000
        verbose(r"\((?<![\w.)+].)[2-9]\d\d\)\ ?[2-9]\d\d[-.\ ]\d{4}(?![\w+]|[.-]\d)"), _phone, signs=("(",)
    ),
    Rule(  # 212-736-5000, 138 0013 8000, 010-62345678
        verbose(
            r"""\d(?<![\w.)+-].)(?<!\[.)(?:
            (?:(?<=1)[-.][2-9]\d\d|(?<=[2-9])\d\d)(?P<gap>[-.])[2-9]\d\d(?P=gap)\d{4}|
            (?:(?<=8)6[\ -]1|(?<=1))[3-9]\d(?P<gap2>[\ -]?)\d{4}(?P=gap2)\d{4}|
            (?<=0)\d{2,3}-[2-8]\d{6,7})(?![\w+]|[.-]\d)"""
        ),
        _phone,
    ),
    Rule(verbose(r"\d(?<![\w.-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\w|/\d)"), _ip),
    Rule(verbose(r"[23](?<![\w:.].)[0-9a-fA-F]{3}:(?:[0-9a-fA-F]{0,4}:){1,6}[0-9a-fA-F]{0,4}(?![\w:]|/\d)"), _ip),
    Rule(
        verbose(
            r"""(?P<before>(?<![\w.:/~-])/(?:home|Users)/|
            (?<!\w)[A-Za-z]:(?:\\{1,2}|/)(?:Users|Documents\ and\ Settings)(?:\\{1,2}|/))
            (?P<name>(?u:[^\W\d][\w.-]{1,31}+))(?=[\\/])"""
        ),
        _home,
        signs=("/home/", "users", "documents and settings"),
    ),
)
"""In order: what holds another kind inside comes first."""
