from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="needs the train extra")

from pretrain.checkpoint import Saver  # noqa: E402
from pretrain.cli_export import export  # noqa: E402
from pretrain.config import Preset, load_preset  # noqa: E402
from pretrain.distributed import World  # noqa: E402
from pretrain.model import build_model  # noqa: E402
from pretrain.tokenizer import fingerprint  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture
def preset(tiny_preset: Path) -> Preset:
    return load_preset(str(tiny_preset))


def save(run: Path, preset: Preset, tokenizer: Path, *, step: int = 3, text: str = "1" * 64) -> Any:
    """The model in a fresh checkpoint of `run`."""
    model = build_model(preset.model, seed=1)
    world = World(rank=0, size=1, device=torch.device("cpu"))
    saver = Saver(run / "checkpoints", model, torch.optim.AdamW(model.parameters()), world, keep=9)
    meta = {"format": 1, "phase": "stable", "step": step, "tokens": 128 * step, "identity_sha256": "0" * 64}
    meta["inputs"] = {"tokenizer": fingerprint(tokenizer), "shard python": text}
    meta |= {"preset": preset.model_dump(mode="json"), "tokenizer": fingerprint(tokenizer)}
    saver.save(step, meta | {"tokenizer_path": str(tokenizer)})
    saver.wait()
    saver.close()
    return model


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(export, [str(argument) for argument in arguments])


def logits(model: Any) -> Any:
    ids = torch.arange(40, 72)[None]
    with torch.no_grad():
        return model(input_ids=ids, position_ids=torch.arange(32)[None], use_cache=False).logits


@pytest.mark.parametrize("tied", [False, True])
def test_logits_equal_those_of_the_training_model(preset: Preset, oven: Any, tmp_path: Path, tied: bool) -> None:
    from transformers import AutoModelForCausalLM

    shape = preset.model.model_copy(update={"tied_embeddings": tied, "kv_heads": 1})
    model = save(tmp_path / "run", preset.model_copy(update={"model": shape}), oven.tokenizer)
    result = invoke(tmp_path / "run", "--out", tmp_path / "base", "--dtype", "fp32", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["tokens"] == 384
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    torch.testing.assert_close(logits(loaded), logits(model), atol=1e-5, rtol=1e-5)
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name


def test_it_loads_and_generates_as_in_the_get_started_snippet(preset: Preset, oven: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    save(tmp_path / "run", preset, oven.tokenizer)
    assert invoke(tmp_path / "run", "--out", tmp_path / "base").exit_code == 0
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base", trust_remote_code=True)
    model = AutoModelForCausalLM.from_pretrained(
        tmp_path / "base", dtype=torch.bfloat16, device_map=None, trust_remote_code=True
    )
    messages = [{"role": "user", "content": "hi"}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    outputs = model.generate(inputs, max_new_tokens=4, do_sample=False)
    assert outputs.shape[1] > inputs.shape[1]
    ends = [tokenizer.convert_tokens_to_ids(token) for token in ("<|endoftext|>", "<|im_end|>")]
    assert model.generation_config.eos_token_id == ends
    assert model.dtype is torch.bfloat16


def test_nothing_of_the_training_stays_in_the_config(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    invoke(tmp_path / "run", "--out", tmp_path / "base")
    assert "packed_documents" not in (tmp_path / "base" / "config.json").read_text()
    card = (tmp_path / "base" / "README.md").read_text()
    assert "384 tokens in 3 optimizer steps" in card
    assert "[preset]" not in card


def test_a_finished_export_is_not_repeated_and_another_is_refused(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    assert invoke(tmp_path / "run", "--out", tmp_path / "base").exit_code == 0
    written = (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns
    assert invoke(tmp_path / "run", "--out", tmp_path / "base").exit_code == 0
    assert (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns == written
    save(tmp_path / "run", preset, oven.tokenizer, step=4)
    refused = invoke(tmp_path / "run", "--out", tmp_path / "base")
    assert refused.exit_code == 1
    assert "holds another export" in refused.stderr
    assert "step 3 -> 4" in refused.stderr
    assert invoke(tmp_path / "run", "--out", tmp_path / "base", "--restart").exit_code == 0


def test_an_export_is_of_what_was_trained_wherever_that_lies(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    assert invoke(tmp_path / "run", "--out", tmp_path / "base").exit_code == 0
    (tmp_path / "run").rename(tmp_path / "moved")
    assert "already finished" in invoke(tmp_path / "moved", "--out", tmp_path / "base").stderr
    save(tmp_path / "other", preset, oven.tokenizer, text="2" * 64)
    refused = invoke(tmp_path / "other", "--out", tmp_path / "base")
    assert refused.exit_code == 1
    assert "trained_on.shard python" in refused.stderr


def test_nothing_of_an_export_that_is_replaced_stays(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    invoke(tmp_path / "run", "--out", tmp_path / "base")
    for name in ("model.gguf", "model-00001-of-00002.safetensors", "model.safetensors.index.json"):
        (tmp_path / "base" / name).write_text("of another")
    assert invoke(tmp_path / "run", "--out", tmp_path / "base", "--restart").exit_code == 0
    assert [path.name for path in (tmp_path / "base").glob("model*")] == ["model.safetensors"]


def test_an_export_draws_no_bars_and_leaves_the_switch_as_it_was(preset: Preset, oven: Any, tmp_path: Path) -> None:
    from transformers.utils import logging as hf_logging

    save(tmp_path / "run", preset, oven.tokenizer)
    hf_logging.enable_progress_bar()
    result = invoke(tmp_path / "run", "--out", tmp_path / "base")
    assert "Writing model shards" not in result.output
    assert hf_logging.is_progress_bar_enabled()
    command = json.loads((tmp_path / "base" / "manifest.json").read_text())["command"]
    assert isinstance(command, str)


def test_another_tokenizer_is_refused(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    other = shutil.copytree(oven.tokenizer, tmp_path / "other")
    with (other / "tokenizer.json").open("a") as file:
        file.write(" ")
    result = invoke(tmp_path / "run", "--out", tmp_path / "base", "--tokenizer", other)
    assert result.exit_code == 1
    assert "not the tokenizer of this run" in result.stderr
    assert not (tmp_path / "base" / "config.json").exists()


def test_weights_that_do_not_fit_the_preset_are_named(preset: Preset, oven: Any, tmp_path: Path) -> None:
    save(tmp_path / "run", preset, oven.tokenizer)
    meta = tmp_path / "run/checkpoints/step-00000003/meta.json"
    meta.write_text(meta.read_text().replace('"ffn": 64', '"ffn": 32'))
    result = invoke(tmp_path / "run", "--out", tmp_path / "base")
    assert result.exit_code == 1
    assert "weights do not fit its own preset" in result.stderr


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_a_checkpoint_is_named(name: str, tmp_path: Path) -> None:
    result = invoke(tmp_path / name, "--out", tmp_path / "base")
    assert result.exit_code == 1
    assert "no whole checkpoint in it" in result.stderr
