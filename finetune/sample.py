"""Answers to many prompts at once, from a local model through transformers.

Prompts of a batch are padded on the left and end one by one: at an end token, in base mode also where a new top-level
statement begins, and where the model's context is full; a prompt that fills it gets no answer. Arithmetic is fp32 on a
CPU, so that an answer does not depend on its neighbours in the batch more than rounding does. On a GPU it is the
model's own type, where a tie may fall otherwise: the size of the batch is part of an evaluation's identity.
Not covered: endpoints, several GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from finetune.base import load_model, load_tokenizer, quiet_libraries, resolve_model
from finetune.errors import require_train_extra
from finetune.extract import STOPS, Mode
from finetune.template import IM_END, chat_template

TAIL_TOKENS = 16
"""How far back a stop is looked for after each token; the longest stop has fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model wrote."""

    text: str
    """Without end tokens."""
    tokens: int
    """Written ones, with the end token; for `stop` those up to the one that completed it."""
    finish: Literal["end", "stop", "length"]
    """`end`: it wrote an end token; `stop`: a new top-level statement began; `length`: it was cut off."""


Sampler = Callable[[Sequence[str], int], list[Completion]]
"""Answers to prompts (base mode: texts, chat mode: messages), the same for the same prompts and seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSampler:
    """A `Sampler` over a loaded model."""

    model: Any
    tokenizer: Any
    mode: Mode
    max_new_tokens: int
    temperature: float = 0.0
    """0 is greedy."""

    def __call__(self, prompts: Sequence[str], seed: int) -> list[Completion]:
        """One completion per prompt, in order."""
        import torch

        torch.manual_seed(seed)
        batch = self._encode(prompts)
        lengths = batch["attention_mask"].sum(dim=1)  # (B,)
        room = (self.model.config.max_position_embeddings - lengths).clamp(max=self.max_new_tokens)
        fits = room > 0
        answers = iter(self._answer(_rows(batch, fits), room[fits]) if fits.any() else [])
        return [next(answers) if fit else Completion(text="", tokens=0, finish="length") for fit in fits.tolist()]

    def _answer(self, batch: dict[str, Any], room: Any) -> list[Completion]:
        """One completion per row, each of at most its `room` (B,) in tokens."""
        import torch

        batch = {name: values.to(self.model.device) for name, values in batch.items()}
        width = batch["input_ids"].shape[1]
        room = room.to(self.model.device)
        ends = self._end_ids()
        sampling = {"do_sample": True, "temperature": self.temperature, "top_p": 1.0, "top_k": 0}
        with torch.no_grad():
            output = self.model.generate(
                **batch,
                max_new_tokens=int(room.max()),
                eos_token_id=ends,
                pad_token_id=ends[0],
                stopping_criteria=[self._stopper(width, room)],
                **(sampling if self.temperature else {"do_sample": False}),
            )
        rows = zip(output[:, width:].tolist(), room.tolist(), strict=True)
        return [self._completion(row[:left], set(ends)) for row, left in rows]

    def _encode(self, prompts: Sequence[str]) -> Any:
        if self.mode == "base":
            return self.tokenizer(list(prompts), return_tensors="pt", padding=True, return_token_type_ids=False)
        conversations = [[{"role": "user", "content": prompt}] for prompt in prompts]
        return self.tokenizer.apply_chat_template(
            conversations, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
        )

    def _end_ids(self) -> list[int]:
        """The tokens that end an answer: the model's own and, where its vocabulary has them, the usual ones."""
        declared = self.model.generation_config.eos_token_id
        known = self.tokenizer.get_vocab()
        ids = [*(declared if isinstance(declared, list) else [declared]), self.tokenizer.eos_token_id]
        ids += [known.get(token) for token in (IM_END, "<|endoftext|>")]
        return [*dict.fromkeys(number for number in ids if number is not None)]

    def _stopper(self, width: int, room: Any) -> Callable[..., Any]:
        """A transformers stopping criterion: (B,) of which rows are done."""
        import torch

        def is_done(ids: Any, _scores: Any, **_: Any) -> Any:
            written = ids.shape[1] - width
            done = room <= written
            if self.mode == "base":
                tails = self.tokenizer.batch_decode(ids[:, max(width, ids.shape[1] - TAIL_TOKENS) :])
                found = [any(stop in tail for stop in STOPS) for tail in tails]
                done = done | torch.tensor(found, device=done.device)
            return done

        return is_done

    def _completion(self, ids: list[int], ends: set[int]) -> Completion:
        length = next((place for place, number in enumerate(ids) if number in ends), None)
        written = ids if length is None else ids[:length]
        text: str = self.tokenizer.decode(written, skip_special_tokens=True)
        # With special tokens, as the stopper saw it; after a stop, the end token is only what fills up the batch.
        if self.mode == "base" and any(stop in self.tokenizer.decode(written) for stop in STOPS):
            return Completion(text=text, tokens=len(written), finish="stop")
        if length is None:
            return Completion(text=text, tokens=len(written), finish="length")
        return Completion(text=text, tokens=length + 1, finish="end")


def _rows(batch: Any, chosen: Any) -> dict[str, Any]:
    """The chosen rows of a batch that is padded on the left, with no more padding than they need."""
    longest = int(batch["attention_mask"][chosen].sum(dim=1).max())
    return {name: values[chosen][:, -longest:] for name, values in batch.items()}


def load_sampler(name: str, *, mode: Mode | None, max_new_tokens: int, temperature: float) -> ModelSampler:
    """A sampler over the checkpoint folder, hub id or embedded model `name`.

    Without a mode it is `chat` where the tokenizer has a chat template, else `base`. Raises: FinetuneError.
    """
    require_train_extra()
    import torch

    quiet_libraries()
    path = resolve_model(name)
    tokenizer = load_tokenizer(path)
    mode = mode or ("chat" if tokenizer.chat_template else "base")
    if mode == "chat" and tokenizer.chat_template is None:
        tokenizer.chat_template = chat_template()
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    cuda = torch.cuda.is_available()
    model = load_model(path, dtype="auto" if cuda else torch.float32).to("cuda" if cuda else "cpu").eval()
    return ModelSampler(
        model=model, tokenizer=tokenizer, mode=mode, max_new_tokens=max_new_tokens, temperature=temperature
    )
