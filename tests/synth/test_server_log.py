"""A server's log in a line: samples of what vLLM and llama.cpp write."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.server_log import current_step, last_words

CORE = "(EngineCore pid=1541) ERROR 11-25 09:13:14 [core.py:1510] "
API = "(APIServer pid=1346) INFO 11-25 09:05:48 [model.py:733] "
USELESS = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "teacher.log"


def test_error_of_the_inner_process_counts_and_not_what_the_outer_ones_make_of_it(log: Path) -> None:
    log.write_text(
        f"{CORE}Traceback (most recent call last):\n{CORE}    raise ValueError(\n"
        f"{CORE}ValueError: No available memory for the cache blocks.\nProcess EngineCore:\n"
        f"Traceback (most recent call last):\n"
        "Exception: WorkerProc initialization failed due to an exception in a background process. "
        "See stack trace for root cause.\n"
        f'  File "api_server.py", line 1\n{USELESS}\nguard: the server ended with exit code 1\n'
    )
    assert last_words(log) == "ValueError: No available memory for the cache blocks."


def test_first_hand_error_of_llama_cpp_counts(log: Path) -> None:
    log.write_text(
        "0.00.018.850 I srv          init: loading model\n"
        "0.00.020.242 E gguf_init_from_reader: invalid magic characters: '?#qP', expected 'GGUF'\n"
        "0.00.020.331 E srv    load_model: failed to load model, 'bad.gguf'\n"
        "0.00.020.750 E srv          init: exiting due to model loading error\n"
        "RuntimeError: Failed to init server, please check the input params.\n"
        "guard: the server ended with exit code 1\n"
    )
    assert last_words(log) == "gguf_init_from_reader: invalid magic characters: '?#qP', expected 'GGUF'"
    assert current_step(log) == "init: loading model"


def test_second_hand_error_is_better_than_none(log: Path) -> None:
    log.write_text(f"Traceback (most recent call last):\n{USELESS}\nsys:1: ResourceWarning: left behind\n")
    assert last_words(log) == USELESS


def test_what_a_validation_error_is_about_stands_in_its_next_line(log: Path) -> None:
    log.write_text(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, User-specified max_model_len (99999) is greater than 8192\n"
        "    For further information visit https://errors.pydantic.dev\n"
    )
    assert last_words(log).endswith(
        "ModelConfig Value error, User-specified max_model_len (99999) is greater than 8192"
    )


def test_refused_option_is_told(log: Path) -> None:
    log.write_text(
        "usage: api_server.py [-h]\n         [model_tag]\napi_server.py: error: unrecognized arguments: --x\n"
    )
    assert last_words(log) == "api_server.py: error: unrecognized arguments: --x"


def test_log_without_an_error_ends_in_its_last_line(log: Path) -> None:
    log.write_text("first\nno such quantisation\n\nguard: the server ended with exit code 1\n")
    assert last_words(log) == "no such quantisation"


def test_server_that_was_killed_without_a_word_leaves_its_exit_code(log: Path) -> None:
    log.write_text("guard: the server ended with exit code -9\n")
    assert last_words(log) == "guard: the server ended with exit code -9"
    log.write_text("")
    assert last_words(log) == "it said nothing"


def test_endless_line_is_cut(log: Path) -> None:
    log.write_text("ValueError: " + "x" * 10_000)
    assert len(last_words(log)) == 300


def test_terminal_escapes_reach_nobody(log: Path) -> None:
    log.write_text(
        "\x1b[1;36m(EngineCore pid=7)\x1b[0;0m INFO 11-25 09:06:18 [a.py:1] Loading \x1b]0;title\x07weights\n"
    )
    assert current_step(log) == "Loading <U+001B>]0;title<U+0007>weights"


def test_step_is_the_newest_line_about_progress(log: Path) -> None:
    log.write_text(f"{API}Resolved architecture: LlamaForCausalLM\n")
    assert current_step(log) == "Resolved architecture: LlamaForCausalLM"
    with log.open("a") as file:
        file.write(
            "Loading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]\r"
            "Loading safetensors checkpoint shards:  25% Completed | 1/4 [00:01<00:03,  1.0it/s]\r"
        )
        file.write("(Worker pid=9) WARNING 11-25 09:06:18 [cpu.py:1] libtcmalloc is not found in LD_PRELOAD\n")
        file.write("/lib/triton.py:138: FutureWarning: load is deprecated\n  wrapper = load(vars(value))\n")
        file.write("(APIServer pid=1346) INFO 11-25 09:06:26 [launcher.py:195] Route: /load, Methods: GET\n")
    assert current_step(log) == "Loading safetensors checkpoint shards: 25% Completed | 1/4 [00:01<00:03, 1.0it/s]"


@pytest.mark.parametrize(
    "text", ["", "\n\n", "(APIServer pid=1) INFO 11-25 09:05:33 [api.py:347]  ▄▄ version 0.32.0\n"]
)
def test_log_that_tells_nothing_yet_is_a_start(log: Path, text: str) -> None:
    log.write_text(text)
    assert current_step(log) == "starting"
