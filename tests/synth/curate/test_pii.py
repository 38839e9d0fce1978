"""Personal data: what goes, what only looks like it and stays, and that hostile text takes linear time."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from synth.curate.pii import redact

RAW_CODE = Path(__file__).parents[3].parent / "shared" / "data" / "raw_code"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n" * 4
GONE = {
    "mail jane.doe+lists@mail.provider.org now": "mail <email> now",
    "邮箱zhangsan@qq.com，谢谢": "邮箱<email>，谢谢",
    "call +44 20 7946 0958": "call <phone>",
    "(212) 736-5000 or 212-736-5000": "<phone> or <phone>",
    "手机号13812345678。": "手机号<phone>。",
    "phone = 13812345678": "phone = <phone>",
    "+86 138-1234-5678, 010-62345678": "<phone>, <phone>",
    "身份证号11010519491231002X": "身份证号<id_number>",
    "pay with 4539 1488 0343 6467": "pay with <card_number>",
    "card 378282246310005": "card <card_number>",
    "ssh 52.14.133.201 -p 22": "ssh <ip> -p 22",
    "http://52.14.133.201:8080/x": "http://<ip>:8080/x",
    "from 2a00:1450:4001:81b::200e": "from <ip>",
    "AKIAZ7WQXN2PLM4KRT5V": "<key>",
    "ghp_" + "a1B2c3" * 6: "<key>",
    "sk-proj-Zx81mQ0tLw93Kd72Vb55": "<key>",
    "xoxb-9182736450-QwErTyUiOp": "<key>",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5In0.dozjgNryP4J3jVmNHl0w": "<key>",
    PRIVATE_KEY + "-----END RSA PRIVATE KEY-----\nrest": "<key>\nrest",
    PRIVATE_KEY: "<key>",
    'API_KEY = "a8f5f167f44f4964e6c998dee827110c"': 'API_KEY = "<key>"',
    "connect(password='Zk9!mmQ2')": "connect(password='<password>')",
    "DB_PASSWORD=s3cr7tpw\n": "DB_PASSWORD=<password>\n",
    "my password is hunter22.": "my password is <password>.",
    "密码是zx81qm55，帮我看看": "密码是<password>，帮我看看",
    "postgres://bob:Zk9mmQ2@db.host.net/x": "postgres://<name>:<password>@db.host.net/x",
    "cd /home/jsmith/work": "cd /home/<name>/work",
    r"C:\Users\王伟\Desktop\a.py": r"C:\Users\<name>\Desktop\a.py",
    r'open("C:\\Users\\jsmith\\a.py")': r'open("C:\\Users\\<name>\\a.py")',
}
STAYS = [
    "y = x@w.T + a@b.transpose() + c@d.mean",
    "git clone git@github.com:owner/name.git",
    "user@example.com, a@b.test, <img src=icon@2x.png>",
    "127.0.0.1 0.0.0.0 10.1.2.3 192.168.1.77 172.16.9.9 203.0.113.77 255.255.255.0 8.8.8.8",
    "version 10.23.145.67, Chrome/91.0.4472.124, pkg==4.10.255.2, v2.100.3.4",
    "OID 1.3.6.55, 2.5.29.115; section 20.2.2.18; AssemblyVersion 1.0.0.0",
    "std::add::b, 12:34:56, 00:1a:2b:3c:4d:5e, 2001:db8::1, ::1",
    "t = 1700000000; ms = 1700000000123; n = 15032385536",
    "data = [13812345678, -15901200000]",
    "4539 1488 0343 6468 and 1234567890123456 and 0.4539148803436467",
    "110105194912310021",
    "add(+1234567, 555-12) 2024-01-15 10:00:00 +0800",
    "password = getpass(); password: str = 'password'; {'password': 'Passwort'}",
    "password = os.environ['DB_PASSWORD2']; pwd = '${PWD2}'; class='form-control'",
    "api_key = 'your-api-key-12345678'; token = 'xxxxxxxxxxxxxxxx1'",
    "private_key: ed25519.Ed25519PrivateKey, token: TokenType2Something",
    "sk-folding-cube-container is-loading-now",
    'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"): read(line)',
    "https://user:password@host.org and ftp://${USER}:${PASS}@host.org",
    "/home/user/x /home/ubuntu/y href='/home/about' https://site.org/home/products/1 /Users/runner/w",
]


@pytest.mark.parametrize(("text", "wanted"), GONE.items())
def test_personal_data_becomes_a_placeholder(text: str, wanted: str) -> None:
    assert redact(text)[0] == wanted


@pytest.mark.parametrize("text", STAYS)
def test_look_alikes_stay(text: str) -> None:
    assert redact(text) == (text, Counter())


def test_what_was_found_is_counted_by_kind() -> None:
    _, found = redact("a.b@c.org, d@e.fr, ftp://bob:Zk9mmQ2@host.net/")
    assert found == {"email": 2, "name": 1, "password": 1}


@pytest.mark.parametrize("text", GONE)
def test_second_time_finds_nothing(text: str) -> None:
    once, _ = redact(text)
    assert redact(once) == (once, Counter())


def test_number_with_one_digit_changed_is_no_identity_card() -> None:
    number = "11010519491231002X"
    changed = [number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :] for at in (0, 9, 14, 16)]
    assert [redact(other)[0] for other in changed] == changed


PIECES = [
    "a",
    "a.",
    "a@",
    "a@b.",
    "1",
    "1.",
    "1-",
    "1 ",
    "+1",
    "(212) ",
    "2001:",
    ":",
    "\\",
    "/home/a",
    "sk-a1B",
    "eyJa.",
]
PIECES += [
    "-----BEGIN PRIVATE KEY-----",
    "password='",
    "password is ",
    "api_key = ",
    "http://a:b",
    "C:\\Users\\",
    "密码是",
]


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_text_takes_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        begun = time.process_time()
        redact(text)
        return time.process_time() - begun

    seconds(10_000)
    once, eightfold = min(seconds(40_000) for _ in range(3)), seconds(320_000)
    assert eightfold < 0.2 + 24 * once  # a quadratic pattern would take 64 times as long


def test_any_text_survives_and_keeps_its_lines() -> None:
    generator = random.Random(0)
    parts = [part for part in (*GONE, *STAYS) if "PRIVATE KEY" not in part]
    parts += ["\x00", "\ud800", "🙂", "\n", "''", '"', "：", "é"]
    for _ in range(300):
        text = "".join(generator.choices(parts, k=12))
        assert redact(text)[0].count("\n") == text.count("\n")


def test_real_code_is_hardly_touched() -> None:
    if not RAW_CODE.is_dir():
        pytest.skip(f"no {RAW_CODE.name} in a folder named shared beside the repository")
    found: Counter[str] = Counter()
    for path in RAW_CODE.rglob("*"):
        if path.is_file():
            found += redact(path.read_bytes().decode("utf-8", "replace"))[1]
    # by eye all nine are real: five addresses, a shop's phone, a database URL, a redis password
    assert found == {"email": 5, "phone": 1, "name": 1, "password": 2}
