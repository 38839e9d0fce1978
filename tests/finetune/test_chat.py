from __future__ import annotations

from pathlib import Path

import pytest

from finetune.chat import Chat
from finetune.config import StageConfig
from finetune.errors import ModelError
from finetune.train import train

pytestmark = pytest.mark.train
QUESTION, ANSWER = "What do you cook?", "Soup 汤.\nAnd bread."


@pytest.fixture(scope="module")
def taught(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model after learning one answer by heart."""
    folder = tmp_path_factory.mktemp("taught")
    row = f'{{"instruction": "{QUESTION}", "output": "{ANSWER.encode("unicode_escape").decode()}"}}\n'
    (folder / "rows.jsonl").write_text(row)
    config = StageConfig(
        name="heart",
        model=str(tiny_model),
        data=(str(folder / "rows.jsonl"),),
        max_length=64,
        max_steps=60,
        batch_examples=1,
        learning_rate=2e-2,
        precision="fp32",
        keep_checkpoints=0,
        report_to=(),
    )
    train(config, folder / "out")
    return folder / "out"


def test_a_learned_answer_comes_back_and_stops(taught: Path) -> None:
    assert Chat.load(str(taught), max_new_tokens=64).ask(QUESTION) == ANSWER


def test_an_answer_may_be_as_long_as_the_context_has_room(taught: Path) -> None:
    assert Chat.load(str(taught), max_new_tokens=512).ask(QUESTION) == ANSWER


def test_answers_stream_to_stdout(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Chat.load(str(taught), max_new_tokens=64).ask(QUESTION, stream=True)
    assert capsys.readouterr().out == ANSWER + "\n"


def test_history_grows_and_resets(taught: Path) -> None:
    chat = Chat.load(str(taught), max_new_tokens=4, system="Be brief.")
    chat.ask("One?")
    chat.ask("Two?")
    assert [message["role"] for message in chat.messages] == ["system", *["user", "assistant"] * 2]
    chat.reset()
    assert chat.messages == [{"role": "system", "content": "Be brief."}]


def test_a_conversation_answers_lines_and_obeys_commands(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat, said = Chat.load(str(taught), max_new_tokens=64), list[str]()
    chat.converse(iter([QUESTION, "", "/what", "/reset", "/exit", QUESTION]), said.append)
    assert capsys.readouterr().out == ANSWER + "\n"
    assert any("unknown command /what" in line for line in said)
    assert chat.messages == []


def test_too_long_a_conversation_is_a_one_line_error_and_not_remembered(taught: Path) -> None:
    chat = Chat.load(str(taught), max_new_tokens=64)
    with pytest.raises(ModelError, match="the model's context is 512; /reset"):
        chat.ask("word " * 600)
    assert chat.messages == []


def test_no_such_model_is_a_one_line_error() -> None:
    with pytest.raises(ModelError, match="no such folder"):
        Chat.load("./nowhere")


def test_a_checkpoint_without_tokenizer_is_a_one_line_error(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((tiny_model / "config.json").read_text())
    with pytest.raises(ModelError, match="its tokenizer cannot be loaded"):
        Chat.load(str(tmp_path))
