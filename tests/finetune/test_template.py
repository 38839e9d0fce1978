from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from finetune.errors import ModelError
from finetune.template import chat_template, install_template, template_hash

ASK = [{"role": "user", "content": "Hi"}]
TALK = [*ASK, {"role": "assistant", "content": "Hello"}]
pytestmark = pytest.mark.train


def test_renders_chatml_exactly(tokenizer: Any) -> None:
    expected = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
    assert tokenizer.apply_chat_template(TALK, tokenize=False) == expected


def test_prompt_is_a_prefix_of_the_whole(tokenizer: Any) -> None:
    prompt = tokenizer.apply_chat_template(ASK, tokenize=False, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(TALK, tokenize=False).startswith(prompt)


@pytest.mark.parametrize("system", ["You are a cook.", 'Quotes " and \\n \\ backslashes', "你是厨师 🍳", "{{ 7 * 7 }}"])
def test_configured_system_text_opens_conversations_verbatim(tokenizer: Any, system: str) -> None:
    text = tokenizer.apply_chat_template(ASK, tokenize=False, chat_template=chat_template(system))
    assert text.startswith(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n")


def test_a_row_s_own_system_text_wins(tokenizer: Any) -> None:
    own = [{"role": "system", "content": "Own."}, *ASK]
    text = tokenizer.apply_chat_template(own, tokenize=False, chat_template=chat_template("Default."))
    assert "Own." in text
    assert "Default." not in text


def test_system_text_changes_the_hash() -> None:
    assert template_hash(chat_template()) != template_hash(chat_template("You are a cook."))


def test_vocabulary_without_chatml_tokens_is_refused() -> None:
    plain = SimpleNamespace(encode=lambda _text, **_: [5, 6], convert_tokens_to_ids=lambda _token: 0)
    with pytest.raises(ModelError, match=r"some-model: its tokenizer has no single token <\|im_start\|>"):
        install_template(plain, chat_template(), source="some-model")
