from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finetune.sample import ModelSampler, load_sampler

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason="needs the train extra")

PROMPTS = ["def add(a, b):", "def f():", "import os\n\n\ndef longer_name(argument_one, argument_two):"]


@pytest.fixture(scope="module")
def sampler(tiny_model: Path) -> ModelSampler:
    return load_sampler(str(tiny_model), mode="base", max_new_tokens=12, temperature=0.0)


def changed(sampler: ModelSampler, **fields: Any) -> ModelSampler:
    kept = {name: getattr(sampler, name) for name in ModelSampler.__dataclass_fields__}
    return ModelSampler(**(kept | fields))


def test_the_mode_is_chat_where_the_tokenizer_has_a_template(tiny_model: Path) -> None:
    assert load_sampler(str(tiny_model), mode=None, max_new_tokens=1, temperature=0.0).mode == "chat"


@pytest.mark.parametrize("mode", ["base", "chat"])
def test_a_batch_answers_as_each_prompt_alone(sampler: ModelSampler, mode: str) -> None:
    both = changed(sampler, mode=mode)
    assert both(PROMPTS, 0) == [both([prompt], 0)[0] for prompt in PROMPTS]


def test_greedy_answers_are_those_of_a_plain_loop(sampler: ModelSampler) -> None:
    ids = sampler.tokenizer(PROMPTS[0], return_tensors="pt")["input_ids"]
    start = ids.shape[1]
    for _ in range(12):
        ids = torch.cat([ids, sampler.model(ids).logits[:, -1:].argmax(-1)], dim=1)
    assert sampler(PROMPTS[:1], 0)[0].text == sampler.tokenizer.decode(ids[0, start:], skip_special_tokens=True)


def test_sampling_repeats_with_its_seed_and_differs_with_another(sampler: ModelSampler) -> None:
    warm = changed(sampler, temperature=1.0)
    assert warm(PROMPTS, 1) == warm(PROMPTS, 1)
    assert warm(PROMPTS, 1) != warm(PROMPTS, 2)


def test_an_answer_ends_at_the_end_token_which_counts_but_is_not_text(sampler: ModelSampler) -> None:
    token = sampler.tokenizer(PROMPTS[0])["input_ids"]
    first = int(sampler.model(torch.tensor([token])).logits[0, -1].argmax())
    ending = changed(sampler, tokenizer=_with_end(sampler.tokenizer, first))
    answer = ending(PROMPTS[:1], 0)[0]
    assert (answer.text, answer.tokens, answer.finish) == ("", 1, "end")


def test_an_answer_never_outgrows_the_context(sampler: ModelSampler) -> None:
    context = sampler.model.config.max_position_embeddings
    prompts = [" a" * (context + 5), " a" * (context - 3), "def f():"]
    answers = changed(sampler, max_new_tokens=6)(prompts, 0)
    assert [answer.tokens for answer in answers[:2]] == [0, 3]
    assert {answer.finish for answer in answers[:2]} == {"length"}
    assert answers[2] == changed(sampler, max_new_tokens=6)(prompts[2:], 0)[0]
    assert changed(sampler, max_new_tokens=6)(prompts[:1], 0)[0].tokens == 0


class Scripted:
    """A model that writes given tokens, row by row, and fills up finished rows as `generate` does."""

    device = torch.device("cpu")
    config = SimpleNamespace(max_position_embeddings=512)
    generation_config = SimpleNamespace(eos_token_id=2)

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows

    def generate(
        self, *, input_ids: Any, stopping_criteria: Any, pad_token_id: int, max_new_tokens: int, **_: Any
    ) -> Any:
        done = torch.zeros(len(input_ids), dtype=torch.bool)
        for step in range(max_new_tokens):
            new = torch.tensor([row[step] if step < len(row) else pad_token_id for row in self.rows])
            new = torch.where(done, pad_token_id, new)
            input_ids = torch.cat([input_ids, new[:, None]], dim=1)
            done |= stopping_criteria[0](input_ids, None) | (new == 2)
            if bool(done.all()):
                break
        return input_ids


@pytest.mark.parametrize(
    ("text", "finish"),
    [("\n    return 1\ndef other", "stop"), ("\n    pass\n<|im_start|>user", "stop"), ("\n    pass", "end")],
)
def test_what_ended_an_answer_does_not_depend_on_its_neighbours(sampler: ModelSampler, text: str, finish: str) -> None:
    row = [*sampler.tokenizer(text)["input_ids"], 2]
    long = [*sampler.tokenizer("\n    x = 1" * 9)["input_ids"], 2]
    alone = changed(sampler, model=Scripted([row]), max_new_tokens=99)(PROMPTS[:1], 0)[0]
    beside = changed(sampler, model=Scripted([row, long]), max_new_tokens=99)(PROMPTS[:2], 0)
    assert beside[0] == alone
    assert (alone.finish, beside[1].finish) == (finish, "end")
    assert alone.tokens == len(row) if finish == "end" else alone.tokens < len(row)


def _with_end(tokenizer: Any, number: int) -> Any:
    """A copy of the tokenizer that ends at this token."""
    import copy

    other = copy.deepcopy(tokenizer)
    other.eos_token = other.convert_ids_to_tokens(number)
    return other
