"""Training data: rows from anywhere to token ids and labels, with a reason for every row left out.

Rows hold `messages` (a list of {role, content}) or `instruction` and `output`, as in the opc-sft data sets. The loss
falls on the assistant's text and the `<|im_end|>` after it. Text is tokenized in pieces cut where the loss begins and
ends, so the prompt has the same tokens here as at inference, even where the answer opens with a newline.
Not covered: mixing by weight (`synth mix`), streaming data sets.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import DataError, first_line
from finetune.template import IM_END, IM_START

Message = Mapping[str, Any]
ROLES = ("system", "user", "assistant")
DATA_SUFFIXES = (".parquet", ".jsonl")
IGNORED = -100
"""The label of a token without loss, as in PyTorch's cross-entropy."""

MALFORMED = "sft.malformed"
"""Not a list of messages with known roles and text."""
NO_ANSWER = "sft.no_answer"
"""No assistant message, or one without text: it would teach the model to stop at once."""
CONTROL_TOKENS = "sft.control_tokens"
"""The text itself contains ChatML's control tokens, which would forge a turn."""
TOO_LONG = "sft.too_long"
"""Longer than `max_length` tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Encoded rows and the account of how they came about."""

    rows: Any
    """A `datasets.Dataset` with `input_ids` and `labels`."""
    examples: int
    tokens: int
    trained_tokens: int
    """Those with loss."""
    dropped: dict[str, int]
    """Reason -> rows, largest first."""


def messages_of(row: Mapping[str, Any]) -> list[Message] | None:
    """The conversation of a row, or `None` where it is malformed."""
    messages = row.get("messages")
    if messages is None and "instruction" in row:
        messages = [
            {"role": "user", "content": row["instruction"]},
            {"role": "assistant", "content": row.get("output")},
        ]
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        return None
    for message in messages:
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            return None
        if not isinstance(message.get("content"), str):
            return None
    return list(messages)


def encode(tokenizer: Any, messages: list[Message]) -> tuple[list[int], list[int]]:
    """Token ids and labels, of equal length, of one conversation under the tokenizer's chat template."""
    from transformers.utils.chat_template_utils import render_jinja_template

    render: Any = render_jinja_template  # its annotation forgets the spans
    rendered, spans = render([messages], chat_template=tokenizer.chat_template, return_assistant_tokens_mask=True)
    text, cuts = rendered[0], [0]
    for start, end in spans[0]:
        cuts += [start, end]
    pieces = [text[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    input_ids: list[int] = []
    labels: list[int] = []
    for position, ids in enumerate(tokenizer(pieces, add_special_tokens=False)["input_ids"]):
        input_ids += ids
        labels += ids if position % 2 else [IGNORED] * len(ids)  # pieces alternate: prompt, answer, prompt, ...
    return input_ids, labels


def encode_row(row: Mapping[str, Any], *, tokenizer: Any, max_length: int) -> dict[str, Any]:
    """`input_ids` and `labels` of one row, empty where `drop` names a reason."""

    def drop(reason: str) -> dict[str, Any]:
        return {"input_ids": [], "labels": [], "num_tokens": 0, "num_trained": 0, "drop": reason}

    messages = messages_of(row)
    if messages is None:
        return drop(MALFORMED)
    answers = [message["content"].strip() for message in messages if message["role"] == "assistant"]
    if not answers or not all(answers):
        return drop(NO_ANSWER)
    if any(token in message["content"] for message in messages for token in (IM_START, IM_END)):
        return drop(CONTROL_TOKENS)
    input_ids, labels = encode(tokenizer, messages)
    if len(input_ids) > max_length:
        return drop(TOO_LONG)
    trained = sum(label != IGNORED for label in labels)
    return {"input_ids": input_ids, "labels": labels, "num_tokens": len(labels), "num_trained": trained, "drop": ""}


def prepare(sources: Sequence[str], *, tokenizer: Any, max_length: int) -> TrainingSet:
    """All rows of `sources`, encoded, with what was dropped and why.

    Raises: DataError where a source cannot be read or no row is left.
    """
    from datasets import Features, List, Value, concatenate_datasets

    ids, count = List(Value("int32")), Value("int32")
    features = Features(
        {"input_ids": ids, "labels": ids, "num_tokens": count, "num_trained": count, "drop": Value("string")}
    )
    encoded = []
    for source in sources:
        rows = load_rows(source)
        encode_all = {"fn_kwargs": {"tokenizer": tokenizer, "max_length": max_length}, "desc": "tokenize"}
        encoded.append(rows.map(encode_row, remove_columns=rows.column_names, features=features, **encode_all))
    every = concatenate_datasets(encoded)
    reasons = Counter(reason for reason in every["drop"] if reason)
    dropped = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    kept = every.filter(lambda reason: not reason, input_columns="drop", desc="keep")
    if not len(kept):
        account = ", ".join(f"{reason} {count}" for reason, count in dropped.items()) or "it is empty"
        raise DataError(f"{', '.join(sources)}: no row left to train on ({account})")
    return TrainingSet(
        rows=kept.select_columns(["input_ids", "labels"]),
        examples=len(kept),
        tokens=sum(kept["num_tokens"]),
        trained_tokens=sum(kept["num_trained"]),
        dropped=dropped,
    )


def load_rows(source: str) -> Any:
    """The `datasets.Dataset` at `source`: a folder, a Parquet or JSONL file, or `owner/name[:config]` on the hub.

    Raises: DataError.
    """
    import datasets
    from datasets import load_dataset

    path = Path(source).expanduser()
    if not path.exists() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise DataError(f"{source}: no such file or folder; give the export folder of a run")
    try:
        if path.is_file():
            kind = "parquet" if path.suffix == ".parquet" else "json"
            rows = load_dataset(kind, data_files=str(path), split="train")
        elif path.is_dir():
            # The library keys its cache by a folder's name: two runs' `export` would be one. Ours is by content.
            content = data_hash([source])[:16] if _data_files(path) else ""
            cache = Path(datasets.config.HF_DATASETS_CACHE) / f"opencook-{content}"
            rows = load_dataset(str(path), split="train", cache_dir=str(cache))
        else:
            name, _, config = source.partition(":")
            rows = load_dataset(name, config or None, split="train")
    except DataError:
        raise
    except Exception as error:  # datasets raises whatever its readers do; every one of them means: not readable
        raise DataError(f"{source}: cannot be read: {first_line(error.__cause__ or error)}") from error
    columns = set(rows.column_names)
    if "messages" not in columns and not {"instruction", "output"} <= columns:
        found = ", ".join(sorted(columns))
        raise DataError(f"{source}: needs `messages`, or `instruction` and `output`, got columns {found}")
    return rows


def data_hash(sources: Sequence[str]) -> str:
    """SHA-256 hex over the bytes of all local data files, and over the names of hub data sets."""
    digest = hashlib.sha256()
    for source in sources:
        path = Path(source).expanduser()
        for file in _data_files(path) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
            else:
                digest.update(source.encode())
    return digest.hexdigest()


def _data_files(folder: Path) -> list[Path]:
    """The data files under `folder`, sorted.

    Raises: DataError where there are none.
    """
    if (folder / "export").is_dir():
        raise DataError(f"{folder}: is a run folder, which also holds dropped rows; give {folder / 'export'}")
    found = sorted(path for path in folder.rglob("*") if path.suffix in DATA_SUFFIXES)
    if not found:
        raise DataError(f"{folder}: no Parquet or JSONL file in it; give the export folder of a run")
    return found
