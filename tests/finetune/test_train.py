from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetune import train
from finetune.config import StageConfig
from finetune.data import prepare
from finetune.errors import DataError, RunFolderError
from finetune.folder import OutFolder
from finetune.plan import make_plan
from finetune.progress import Watch

pytestmark = pytest.mark.train


def losses(out: Path) -> list[float]:
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records if "loss" in record]


def changed(config: StageConfig, **fields: Any) -> StageConfig:
    return config.model_copy(update=fields)


def test_loss_falls_and_the_manifest_tells_the_run(tiny_config: StageConfig, tmp_path: Path) -> None:
    manifest = train.train(changed(tiny_config, held_out_examples=1), tmp_path / "out")
    seen = losses(tmp_path / "out")
    assert len(seen) == 6
    assert seen[-1] < seen[0]
    assert manifest["result"]["last_held_out_loss"] < manifest["result"]["first_held_out_loss"]
    assert manifest["rows"] == {"kept": 16, "held_out": 1, "dropped": {}}
    assert manifest == OutFolder(tmp_path / "out").read_manifest()


def test_the_result_loads_and_generates_as_in_the_get_started_snippet(tiny_config: StageConfig, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    train.train(changed(tiny_config, max_steps=1), tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    messages = [{"role": "user", "content": "write a quick sort algorithm in python."}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    outputs = model.generate(inputs, max_new_tokens=8, do_sample=False)
    assert outputs.shape[1] > inputs.shape[1]
    assert model.generation_config.eos_token_id == [tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert "{%- generation -%}" in tokenizer.chat_template


def test_packed_rows_cannot_see_each_other(tiny_config: StageConfig, tokenizer: Any, tmp_path: Path) -> None:
    import torch

    rows = prepare(tiny_config.data, tokenizer=tokenizer, max_length=160).rows
    model = train._load_for_training(tiny_config.model, tiny_config, tokenizer).eval()
    sequences = train._pack(rows, tiny_config)
    plan = make_plan(tiny_config, examples=16, tokens=1, sequences=len(sequences))
    folder, watch = OutFolder(tmp_path), Watch(OutFolder(tmp_path), total_steps=1, done_steps=0)
    trainer = train._trainer(tiny_config, folder, plan, model, tokenizer, sequences, [], watch)
    batch = trainer.data_collator([sequences[0]])
    starts = [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), batch["input_ids"].shape[1]]
    assert len(starts) > 2, "the sequence must hold several rows"
    del batch["labels"]
    with torch.no_grad():
        packed = model(**batch, use_cache=False).logits[0]
        for start, end in itertools.pairwise(starts):
            alone = model(input_ids=batch["input_ids"][:, start:end], use_cache=False).logits[0]
            torch.testing.assert_close(packed[start:end], alone, atol=1e-5, rtol=1e-4)


def test_packing_and_accumulation_do_not_change_the_loss(tiny_config: StageConfig, tmp_path: Path) -> None:
    whole = changed(tiny_config, max_steps=2, batch_examples=16)
    for name, config in (
        ("packed", whole),
        ("padded", changed(whole, packing=False, micro_batch=16)),
        ("one by one", changed(whole, packing=False)),
    ):
        train.train(config, tmp_path / name)
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "padded"), rel=1e-4)
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "one by one"), rel=1e-4)


def test_an_interrupted_run_resumes_to_the_same_losses(tiny_config: StageConfig, tmp_path: Path) -> None:
    train.train(tiny_config, tmp_path / "whole")
    config = tmp_path / "stage.yaml"
    config.write_text(yaml.safe_dump(tiny_config.model_dump(mode="json")))
    command = [Path(sys.executable).with_name("finetune"), "train", str(config), "--out", str(tmp_path / "halved")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "step 1/6" in line:
                run.send_signal(signal.SIGINT)
                break
        rest = run.stderr.read()
    assert run.returncode == 130, rest
    assert "the same command again goes on from here" in rest
    assert 0 < len(losses(tmp_path / "halved")) < 6
    train.train(tiny_config, tmp_path / "halved")
    assert losses(tmp_path / "halved") == losses(tmp_path / "whole")


def test_a_run_killed_before_its_export_only_exports(tiny_config: StageConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = train.train(tiny_config, out)
    weights = (out / "model.safetensors").read_bytes()
    (out / "model.safetensors").unlink()
    OutFolder(out).write_manifest(first | {"status": "running"})
    train.train(tiny_config, out)
    assert len(losses(out)) == 6
    assert (out / "model.safetensors").read_bytes() == weights


def test_a_moved_export_is_the_same_data(tiny_config: StageConfig, rows_file: Path, tmp_path: Path) -> None:
    config = changed(tiny_config, max_steps=1)
    first = train.train(config, tmp_path / "out")
    moved = rows_file.rename(tmp_path / "moved.jsonl")
    assert train.train(changed(config, data=(str(moved),)), tmp_path / "out") == first


def test_a_finished_run_is_left_alone(
    tiny_config: StageConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = changed(tiny_config, max_steps=1)
    first = train.train(config, tmp_path / "out")
    assert train.train(config, tmp_path / "out") == first
    assert "already finished; --restart begins anew" in capsys.readouterr().err


def test_other_settings_on_an_old_folder_are_refused_until_restart(tiny_config: StageConfig, tmp_path: Path) -> None:
    train.train(changed(tiny_config, max_steps=1), tmp_path / "out")
    other = changed(tiny_config, max_steps=2)
    with pytest.raises(RunFolderError, match=r"holds a run with other settings \(max_steps\)"):
        train.train(other, tmp_path / "out")
    assert train.train(other, tmp_path / "out", restart=True)["plan"]["steps"] == 2


def test_changed_data_is_noticed(tiny_config: StageConfig, tmp_path: Path) -> None:
    train.train(changed(tiny_config, max_steps=1), tmp_path / "out")
    with Path(tiny_config.data[0]).open("a") as stream:
        stream.write('{"messages": []}\n')
    with pytest.raises(RunFolderError, match=r"other settings \(data\)"):
        train.train(changed(tiny_config, max_steps=1), tmp_path / "out")


def test_no_data_is_a_one_line_error(tiny_config: StageConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training data; give --data"):
        train.train(changed(tiny_config, data=()), tmp_path / "out")


def test_configured_system_text_ships_with_the_model(tiny_config: StageConfig, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    train.train(changed(tiny_config, max_steps=1, system="You are a cook."), tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert text.startswith("<|im_start|>system\nYou are a cook.<|im_end|>")
