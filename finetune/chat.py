"""Talking to a fine-tuned model: streamed, with history, on a terminal or in a pipe.

Answers are greedy unless a temperature is given, and end where the model says `<|im_end|>`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from finetune.base import load_model, load_tokenizer, quiet_libraries, resolve_model
from finetune.errors import ModelError, require_train_extra
from finetune.template import chat_template

Message = dict[str, str]
HELP = "/reset forgets the conversation, /exit or Ctrl-D leaves"


class Chat:
    """A model, its tokenizer and the conversation so far."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        system: str | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0,
    ) -> None:
        """`system` opens every conversation; without it the model's own template decides."""
        self._model, self._tokenizer = model, tokenizer
        self._max_new_tokens, self._temperature = max_new_tokens, temperature
        self._opening: list[Message] = [{"role": "system", "content": system}] if system else []
        self.messages = list(self._opening)

    @classmethod
    def load(cls, name: str, **options: Any) -> Chat:
        """A chat with the checkpoint folder, hub id or embedded model `name`.

        Raises: FinetuneError.
        """
        require_train_extra()
        import torch

        quiet_libraries()
        path = resolve_model(name)
        tokenizer = load_tokenizer(path)
        if tokenizer.chat_template is None:
            tokenizer.chat_template = chat_template()
        model = load_model(path, dtype="auto").to("cuda" if torch.cuda.is_available() else "cpu").eval()
        return cls(model, tokenizer, **options)

    def ask(self, text: str, *, stream: bool = False) -> str:
        """The answer to `text`, which also joins the history; with `stream`, stdout shows it as it comes.

        The end of the model's context ends it too. Raises: ModelError where the conversation alone fills that.
        """
        from transformers import TextStreamer

        asked = [*self.messages, {"role": "user", "content": text}]
        inputs = self._tokenizer.apply_chat_template(
            asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        length = inputs["input_ids"].shape[1]
        context = self._model.config.max_position_embeddings
        if length >= context:
            raise ModelError(
                f"conversation: {length} tokens leave no room for an answer, the model's context is {context}; /reset, "
                "or ask for less"
            )
        streamer = TextStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True) if stream else None
        sampling = {"do_sample": True, "temperature": self._temperature} if self._temperature else {"do_sample": False}
        room = min(self._max_new_tokens, context - length)
        output = self._model.generate(**inputs, max_new_tokens=room, streamer=streamer, **sampling)
        answer: str = self._tokenizer.decode(output[0, length:], skip_special_tokens=True)
        self.messages = [*asked, {"role": "assistant", "content": answer}]
        return answer

    def reset(self) -> None:
        """Nothing; the conversation begins anew."""
        self.messages = list(self._opening)

    def converse(self, lines: Iterator[str], say: Callable[[str], None]) -> None:
        """Nothing; answers each line until the lines end or one says /exit."""
        say(HELP)
        for line in lines:
            text = line.strip()
            if text == "/exit":
                return
            if text == "/reset":
                self.reset()
                say("forgotten")
            elif text.startswith("/"):
                say(f"unknown command {text}; {HELP}")
            elif text:
                try:
                    self.ask(text, stream=True)
                except ModelError as error:
                    say(str(error))


def typed_lines() -> Iterator[str]:
    """Lines as the user types them, with line editing, until Ctrl-D."""
    import readline  # noqa: F401  (importing it gives `input` its line editing)

    while True:
        try:
            yield input("> ")
        except EOFError:
            print(file=sys.stderr)
            return
