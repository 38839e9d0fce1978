"""Our ChatML template: its text, its hash, and how it becomes a tokenizer's own.

The template ships with the model, so that training, `finetune chat`, transformers and vLLM all speak alike.
Not covered: labels (`data.py`).
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import Any

from finetune.errors import ModelError

IM_START, IM_END = "<|im_start|>", "<|im_end|>"
_NO_SYSTEM = '{%- set default_system = "" -%}'


def chat_template(system: str | None = None) -> str:
    """The Jinja text; with `system`, the one whose conversations open with it unless they bring their own."""
    text = files("finetune").joinpath("templates", "chatml.jinja").read_text(encoding="utf-8")
    # A JSON string is a Jinja string too, as long as non-ASCII characters stay as they are.
    return text.replace(_NO_SYSTEM, f"{{%- set default_system = {json.dumps(system or '', ensure_ascii=False)} -%}}")


def template_hash(template: str) -> str:
    """The first 12 hex digits of the template's SHA-256, for the manifest."""
    return hashlib.sha256(template.encode()).hexdigest()[:12]


def install_template(tokenizer: Any, template: str, *, source: str) -> None:
    """Make `template` the tokenizer's chat template and `<|im_end|>` its end of text, in place.

    Raises: ModelError where the vocabulary lacks the two ChatML tokens.
    """
    for token in (IM_START, IM_END):
        if tokenizer.encode(token, add_special_tokens=False) != [tokenizer.convert_tokens_to_ids(token)]:
            raise ModelError(
                f"{source}: its tokenizer has no single token {token}; start from a model with ChatML tokens in its "
                "vocabulary (SmolLM2, Qwen, OpenCoder)"
            )
    tokenizer.chat_template = template
    tokenizer.eos_token = IM_END
    if tokenizer.pad_token is None:
        tokenizer.pad_token = IM_END
