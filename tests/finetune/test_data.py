from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finetune import data
from finetune.errors import DataError

pytestmark = pytest.mark.train

Write = Callable[..., Path]
Make = Callable[[int], dict[str, Any]]


def talk(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    roles = ["user", "assistant"] * len(contents)
    opening = [{"role": "system", "content": system}] if system else []
    return opening + [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]


CONVERSATIONS = {
    "single": talk("Add two numbers.", "def add(a, b):\n    return a + b"),
    "system": talk("Hi", "Hello.", system="Be brief."),
    "multi-turn": talk("One?", "1", "Two?", "2 or\n\n  22", "Three?", "3"),
    "chinese": talk(
        "写一个函数，返回两个数的和。", "好的：\n```python\ndef 求和(a, b):\n    return a + b\n```\n完成。"
    ),
    "newline first": talk("Show code.", "\n\nx = 1\n"),
    "spaces around": talk("Show code. ", "   x = 1   "),
    "emoji and combining": talk("👩‍🍳?", "👩‍🍳é🍜"),
}


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_loss_falls_on_answers_and_their_end_alone(tokenizer: Any, messages: list[dict[str, str]]) -> None:
    input_ids, labels = data.encode(tokenizer, messages)
    trained = [token for token, label in zip(input_ids, labels, strict=True) if label != data.IGNORED]
    assert all(label in (data.IGNORED, token) for token, label in zip(input_ids, labels, strict=True))
    answers = [message["content"] + "<|im_end|>" for message in messages if message["role"] == "assistant"]
    assert tokenizer.decode(trained) == "".join(answers)


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_all_tokens_together_are_the_rendered_text(tokenizer: Any, messages: list[dict[str, str]]) -> None:
    input_ids, _ = data.encode(tokenizer, messages)
    assert tokenizer.decode(input_ids) == tokenizer.apply_chat_template(messages, tokenize=False)


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_prompt_tokens_are_those_of_inference(tokenizer: Any, messages: list[dict[str, str]]) -> None:
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=False)
    assert data.encode(tokenizer, messages)[0][: len(prompt)] == prompt


def test_mask_of_plain_text_is_the_tokenizer_s_own(tokenizer: Any) -> None:
    messages = CONVERSATIONS["multi-turn"]
    theirs = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    input_ids, labels = data.encode(tokenizer, messages)
    assert input_ids == theirs["input_ids"]
    assert [int(label != data.IGNORED) for label in labels] == theirs["assistant_masks"]


def test_newline_after_the_end_token_carries_no_loss(tokenizer: Any) -> None:
    input_ids, labels = data.encode(tokenizer, CONVERSATIONS["single"])
    assert tokenizer.convert_ids_to_tokens(input_ids[-2:]) == ["<|im_end|>", "Ċ"]
    assert labels[-2:] == [input_ids[-2], data.IGNORED]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": None}, data.MALFORMED),
        ({"messages": []}, data.MALFORMED),
        ({"messages": [{"role": "robot", "content": "x"}]}, data.MALFORMED),
        ({"messages": [{"role": "user", "content": None}]}, data.MALFORMED),
        ({"instruction": "x", "output": None}, data.MALFORMED),
        ({"messages": talk("only a question")}, data.NO_ANSWER),
        ({"messages": talk("a question", "  \n")}, data.NO_ANSWER),
        ({"messages": talk("one", "1", "two", "")}, data.NO_ANSWER),
        ({"messages": talk("forged <|im_end|>", "answer")}, data.CONTROL_TOKENS),
        ({"instruction": "x", "output": "<|im_start|>user"}, data.CONTROL_TOKENS),
    ],
)
def test_unusable_rows_are_dropped_for_their_reason(tokenizer: Any, row: dict[str, Any], reason: str) -> None:
    assert data.encode_row(row, tokenizer=tokenizer, max_length=64)["drop"] == reason


def test_a_row_of_just_max_length_stays_whole_and_one_more_goes(tokenizer: Any, conversation: Make) -> None:
    row = conversation(3)
    input_ids, _ = data.encode(tokenizer, row["messages"])
    fits = data.encode_row(row, tokenizer=tokenizer, max_length=len(input_ids))
    assert (fits["input_ids"], fits["drop"]) == (input_ids, "")
    assert data.encode_row(row, tokenizer=tokenizer, max_length=len(input_ids) - 1)["drop"] == data.TOO_LONG


def test_every_row_is_accounted_for(tokenizer: Any, write_rows: Write, conversation: Make) -> None:
    rows = [conversation(number) for number in range(5)]
    rows += [
        {"messages": talk("long", "word " * 200)},
        {"messages": talk("no answer")},
        {"messages": talk("none either")},
    ]
    prepared = data.prepare([str(write_rows(rows))], tokenizer=tokenizer, max_length=128)
    assert prepared.dropped == {data.NO_ANSWER: 2, data.TOO_LONG: 1}
    assert prepared.examples + sum(prepared.dropped.values()) == len(rows)
    assert prepared.tokens == sum(len(row["input_ids"]) for row in prepared.rows)
    assert 0 < prepared.trained_tokens < prepared.tokens


def test_instruction_and_output_columns_equal_messages(tokenizer: Any, write_rows: Write) -> None:
    pairs = write_rows([{"instruction": "Hi", "output": "Hello", "tag": "x"}], "pairs.jsonl")
    talks = write_rows([{"messages": talk("Hi", "Hello")}], "talks.jsonl")
    one, two = (data.prepare([str(path)], tokenizer=tokenizer, max_length=64).rows[0] for path in (pairs, talks))
    assert one == two


def test_an_export_folder_with_parquet_is_read(tokenizer: Any, tmp_path: Path, conversation: Make) -> None:
    export = tmp_path / "run" / "export"
    export.mkdir(parents=True)
    (export / "README.md").write_text("# A card\n")
    pq.write_table(pa.Table.from_pylist([conversation(number) for number in range(3)]), export / "train.parquet")
    assert data.prepare([str(export)], tokenizer=tokenizer, max_length=128).examples == 3


def test_folders_of_one_name_and_card_keep_their_own_rows(tmp_path: Path) -> None:
    counts = []
    for run, num_rows in (("first", 3), ("second", 5)):
        folder = tmp_path / run / "export"
        (folder / "data").mkdir(parents=True)
        rows = [{"instruction": f"{run} {i}", "output": "x"} for i in range(num_rows)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
        card = "---\nconfigs:\n- config_name: default\n  data_files:\n"
        card += "  - split: train\n    path: data/train-*.parquet\n---\n"
        (folder / "README.md").write_text(card, encoding="utf-8")
        counts.append(len(data.load_rows(str(folder))))
    assert counts == [3, 5]


def test_sources_are_joined(tokenizer: Any, write_rows: Write, conversation: Make) -> None:
    talks = write_rows([conversation(1)], "talks.jsonl")
    pairs = write_rows([{"instruction": "Hi", "output": "Hello"}], "pairs.jsonl")
    assert data.prepare([str(talks), str(pairs)], tokenizer=tokenizer, max_length=128).examples == 2


def test_no_row_left_is_an_error_that_says_why(tokenizer: Any, write_rows: Write) -> None:
    path = write_rows([{"messages": talk("no answer")}])
    with pytest.raises(DataError, match=r"no row left to train on \(sft.no_answer 1\)"):
        data.prepare([str(path)], tokenizer=tokenizer, max_length=64)


def test_missing_path_is_an_error() -> None:
    with pytest.raises(DataError, match="runs/none/export: no such file or folder"):
        data.load_rows("runs/none/export")


def test_wrong_columns_are_named(write_rows: Write) -> None:
    with pytest.raises(DataError, match="got columns answer, question"):
        data.load_rows(str(write_rows([{"question": "x", "answer": "y"}])))


def test_a_run_folder_is_not_its_export(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    with pytest.raises(DataError, match=r"also holds dropped rows; give .*export"):
        data.load_rows(str(tmp_path))


def test_a_folder_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet or JSONL file in it"):
        data.load_rows(str(tmp_path))


def test_a_damaged_file_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "d.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match="cannot be read") as caught:
        data.load_rows(str(tmp_path / "d.parquet"))
    assert "\n" not in str(caught.value)


def test_hash_follows_the_bytes(write_rows: Write, conversation: Make) -> None:
    path = write_rows([conversation(1)])
    before = data.data_hash([str(path)])
    assert before == data.data_hash([str(path)])
    write_rows([conversation(2)])
    assert before != data.data_hash([str(path)])
