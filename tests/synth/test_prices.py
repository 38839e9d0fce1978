"""The price table: the right price or none, the user's own over ours, one line for a table that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.calls import Price
from synth.errors import SynthError
from synth.prices import find_price, is_private

GROQ, TOGETHER = "https://api.groq.com/openai/v1", "https://api.together.xyz/v1"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own table would lie; there is none yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "opencook" / "prices.yaml"
    path.parent.mkdir(parents=True)
    return path


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def per_million(model: str, **where: object) -> tuple[float, float] | None:
    price = find_price(model, **where)  # type: ignore[arg-type]
    return price and (price.prompt, price.completion)


@pytest.mark.parametrize(
    "model",
    ["gpt-4o-mini", "openai/gpt-4o-mini", "GPT-4o-mini", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini-2024-07-18"],
)
def test_a_model_is_found_by_name_provider_and_snapshot(model: str) -> None:
    assert per_million(model) == (0.15, 0.60)


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("models/gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("o3-2025-04-16", "o3"),
    ],
)
def test_each_providers_way_of_dating_is_known(model: str, base: str) -> None:
    assert per_million(model) == per_million(base) is not None


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-4o-audio-preview", "gpt-4o-mini-tts", "gpt-4o-mini-2", "gpt-4", "gpt-5-pro", "gpt-5.4-nano", "gpt-6"),
        *("claude-opus-4-9", "claude-sonnet", "gemini-2.5", "o3-pro", "ft:gpt-4o-mini-2024-07-18:me::x1", ""),
        *("mistral-large-2411", "gpt-4o-mini-9999", "gpt-4o-mini:free", "llama-3.1-8b-instant", "qwen-plus"),
    ],
)
def test_a_likeness_is_no_match(model: str) -> None:
    assert find_price(model) is None


def test_a_snapshot_with_a_price_of_its_own_has_that() -> None:
    assert per_million("gpt-4o-2024-05-13") == (5.0, 15.0)
    assert per_million("gpt-4o-2024-11-20") == (2.5, 10.0)


def test_what_one_provider_charges_holds_there_only() -> None:
    assert per_million("llama-3.3-70b-versatile", base_url=GROQ) == (0.59, 0.79)
    assert per_million("llama-3.3-70b-versatile", base_url=TOGETHER) is None


def test_a_batch_costs_its_part_and_no_less_where_none_is_given() -> None:
    assert per_million("gpt-4o-mini", batch=True) == (0.075, 0.30)
    assert per_million("claude-haiku-4-5", batch=True) == per_million("claude-haiku-4-5")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "127.0.0.1",
            "[::1]",
            "10.1.2.3",
            "192.168.0.9",
            "172.20.0.1",
            "100.64.0.1",
            "[fd00::1]",
            "0.0.0.0",
        ),
        *("gpu-box", "node7.local", "proxy.internal"),
    ],
)
def test_an_endpoint_of_ones_own_has_no_list_price(host: str) -> None:
    assert find_price("gpt-4o-mini", base_url=f"http://{host}:8000/v1") is None


@pytest.mark.parametrize("host", ["api.openai.com", "openrouter.ai", "8.8.8.8", "2606:4700::1111", "172.32.0.1"])
def test_a_public_address_is_not_private(host: str) -> None:
    assert not is_private(host)


def test_the_users_own_table_goes_over_ours_and_the_given_one_over_that(own: Path, tmp_path: Path) -> None:
    table(own, "models: {gpt-4o-mini: {prompt: 1, completion: 2}, mine: {prompt: 3, completion: 4}}")
    given = table(tmp_path / "given.yaml", "models: {gpt-4o-mini: {prompt: 5, completion: 6}}")
    assert per_million("gpt-4o-mini") == (1, 2)
    assert per_million("gpt-4o-mini", extra=given) == (5, 6)
    assert per_million("mine", extra=given) == (3, 4)
    assert per_million("gpt-4o", extra=given) == (2.5, 10.0)


def test_the_users_own_price_goes_over_what_we_have_for_the_host(own: Path) -> None:
    table(own, "models: {openai/gpt-oss-120b: {prompt: 7, completion: 8}}")
    assert per_million("openai/gpt-oss-120b", base_url=GROQ) == (7, 8)


def test_a_price_for_the_very_host_holds_on_ones_own_network(own: Path) -> None:
    table(own, "hosts: {GPU-box: {Qwen: {prompt: 0.1, completion: 0.2}}}\nmodels: {other: {prompt: 1, completion: 1}}")
    assert per_million("qwen", base_url="http://gpu-box:8000/v1") == (0.1, 0.2)
    assert per_million("other", base_url="http://gpu-box:8000/v1") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {m: {promt: 1, completion: 2}}", "models.m.promt: unknown key; did you mean prompt?"),
        ("modles: {}", "modles: unknown key; did you mean models?"),
        ("models: {m: {prompt: 1}}", "models.m.completion: missing; add it"),
        (
            "models: {m: {prompt: -1, completion: 2}}",
            "models.m.prompt: .* greater than or equal to 0, got -1",
        ),
        ("models: {m: {prompt: .inf, completion: 2}}", "models.m.prompt: Input should be a finite number, got inf"),
        ("models: {m: {prompt: cheap, completion: 2}}", "models.m.prompt: .* got 'cheap'"),
        ("models: {m: {prompt: 1, completion: 2, batch: 50}}", "models.m.batch: .* got 50"),
        ("models: {m: 3}", "models.m: .* got 3"),
        ("as_of: soon", "as_of: .* got 'soon'"),
        ("- gpt-4o", r"must hold `models: .*, got \['gpt-4o'\]"),
        ("", "must hold `models: .*, got None"),
        ("models: {m: {prompt: 1", "is no YAML, got .*; correct it"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SynthError, match=said) as caught:
        find_price("gpt-4o", extra=table(tmp_path / "p.yaml", text))
    assert str(caught.value).startswith(f"{tmp_path / 'p.yaml'}: ")
    assert "\n" not in str(caught.value)


def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"models: {caf\xe9: {}}")
    with pytest.raises(SynthError, match=r"latin\.yaml: .* not UTF-8; save it"):
        find_price("gpt-4o", extra=tmp_path / "latin.yaml")
    with pytest.raises(SynthError, match=r"nowhere\.yaml: cannot be read, got No such file"):
        find_price("gpt-4o", extra=tmp_path / "nowhere.yaml")


def test_cached_tokens_cost_their_own_price_or_that_of_any() -> None:
    cheap = Price(prompt=1.0, completion=4.0, cached_prompt=0.1)
    assert cheap.of(1_000_000, 500_000, cached_tokens=600_000) == pytest.approx(0.4 + 0.06 + 2.0)
    assert Price(prompt=1.0, completion=4.0).of(1_000_000, 500_000, cached_tokens=600_000) == pytest.approx(3.0)
    halved = find_price("gpt-4o-mini", batch=True)
    assert halved is not None
    assert halved.cached_prompt == pytest.approx(0.0375)
