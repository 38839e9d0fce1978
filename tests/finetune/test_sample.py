from __future__ import annotations

from pathlib import Path
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
    assert changed(sampler, max_new_tokens=6)(prompts[:1], 0)[0].tokens == 0


def _with_end(tokenizer: Any, number: int) -> Any:
    """A copy of the tokenizer that ends at this token."""
    import copy

    other = copy.deepcopy(tokenizer)
    other.eos_token = other.convert_ids_to_tokens(number)
    return other
