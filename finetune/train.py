"""One stage from start to finish: data and model in, TRL's `SFTTrainer` called, a model folder out.

Rows are encoded and packed before the trainer sees them, so that every dropped row is counted and a batch means
*examples*, not packed sequences. Packed rows stay apart because TRL passes `position_ids` and `use_cache=False`.
Not covered: evaluation on benchmarks, LoRA, several machines' launch files.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from finetune.base import load_model, load_tokenizer, quiet_libraries, resolve_model
from finetune.config import StageConfig
from finetune.data import TrainingSet, data_hash, prepare
from finetune.errors import DataError, RunFolderError, require_train_extra
from finetune.folder import OutFolder, hold_folder, need_disk, telling_disk_full
from finetune.plan import Plan, make_plan, tell_plan
from finetune.progress import Watch, say
from finetune.template import chat_template, install_template, template_hash
from sandbox.console import command_line

BYTES_PER_PARAMETER = 12
"""Of a checkpoint: fp32 weights and AdamW's two moments."""


def train(config: StageConfig, out: Path, *, restart: bool = False) -> dict[str, Any]:
    """The manifest of the finished run in `out`; an interrupted run goes on from its last checkpoint.

    Raises: FinetuneError; KeyboardInterrupt where a signal stopped it, after a checkpoint.
    """
    require_train_extra()
    if not config.data:
        raise DataError(f"{config.name}: no training data; give --data runs/NAME/export")
    with hold_folder(out) as folder:
        if restart:
            folder.clear()
        quiet_libraries()
        model_path = resolve_model(config.model)
        identity = _identity(config, model_path)
        manifest = folder.read_manifest()
        if manifest is not None:
            _same_run(folder, manifest["identity"], identity)
            if manifest["status"] == "done":
                say(f"{out}: already finished; --restart begins anew")
                return manifest
        return _train(config, folder, model_path, identity)


def _train(config: StageConfig, folder: OutFolder, model_path: str, identity: dict[str, Any]) -> dict[str, Any]:
    tokenizer = load_tokenizer(model_path)
    install_template(tokenizer, chat_template(config.system), source=config.model)
    data = prepare(config.data, tokenizer=tokenizer, max_length=config.max_length)
    _tell_data(data)
    rows, held_out = _split(data.rows, config)
    sequences = _pack(rows, config)
    tokens = data.tokens * len(rows) // data.examples
    plan = make_plan(config, examples=len(rows), tokens=tokens, sequences=len(sequences))
    tell_plan(config, plan)

    checkpoint = folder.last_checkpoint()
    done_steps = int(checkpoint.name.partition("-")[2]) if checkpoint else 0
    trained = done_steps >= plan.steps  # killed between its last step and its export
    model = _load_for_training(str(checkpoint) if trained else model_path, config, tokenizer)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    need_disk(folder.path, parameters * BYTES_PER_PARAMETER * (max(config.keep_checkpoints, 1) + 1))
    manifest = _manifest(config, identity, data, plan, held_out=len(held_out), parameters=parameters)
    folder.write_manifest(manifest)

    watch = Watch(folder, total_steps=plan.steps, done_steps=done_steps)
    trainer = _trainer(config, folder, plan, model, tokenizer, sequences, _pack(held_out, config), watch)
    with watch.running(), telling_disk_full(folder.path):
        if checkpoint is None and len(held_out):
            watch.record(step=0, held_out_loss=_held_out_loss(trainer))
        if checkpoint is not None:
            say(f"going on from step {done_steps} of {plan.steps}")
        if not trained:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            if trainer.state.global_step < plan.steps:
                raise KeyboardInterrupt
        if len(held_out):
            watch.record(step=plan.steps, held_out_loss=_held_out_loss(trainer))
        _export(config, folder, trainer.model, tokenizer)
    folder.drop_checkpoints(config.keep_checkpoints)
    manifest |= {"status": "done", "finished": _now(), "result": _result(folder)}
    folder.write_manifest(manifest)
    return manifest


def _split(rows: Any, config: StageConfig) -> tuple[Any, Any]:
    """The shuffled rows to train on and those held out."""
    num_held_out = min(config.held_out_examples, len(rows) // 10)
    shuffled = rows.shuffle(seed=config.seed)
    return shuffled.select(range(num_held_out, len(rows))), shuffled.select(range(num_held_out))


def _pack(rows: Any, config: StageConfig) -> Any:
    """Rows laid into sequences of at most `max_length` tokens by best fit; TRL's cutting cannot occur, all rows fit."""
    from trl.data_utils import pack_dataset

    if not config.packing or not len(rows):
        return rows
    return pack_dataset(rows, config.max_length, "bfd", {"desc": "pack"})


def _load_for_training(path: str, config: StageConfig, tokenizer: Any) -> Any:
    """The model with fp32 weights, ending its answers where the tokenizer does."""
    import torch

    model = load_model(path, dtype=torch.float32, attn_implementation=config.attention)
    ends = model.generation_config.eos_token_id
    others = ends if isinstance(ends, list) else [ends]
    end = tokenizer.eos_token_id
    model.generation_config.eos_token_id = [end, *(other for other in others if other not in (end, None))]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def _trainer(
    config: StageConfig,
    folder: OutFolder,
    plan: Plan,
    model: Any,
    tokenizer: Any,
    sequences: Any,
    held_out: Any,
    watch: Watch,
) -> Any:
    """TRL's trainer, with nothing of it replaced."""
    import torch
    from transformers import PrinterCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    cuda = torch.cuda.is_available()
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder.path / "tensorboard")
    args = SFTConfig(
        output_dir=str(folder.checkpoints),
        # data: encoded and packed already
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        padding_free=config.packing,
        per_device_train_batch_size=config.micro_batch,
        per_device_eval_batch_size=config.micro_batch,
        gradient_accumulation_steps=plan.accumulation,
        dataloader_pin_memory=cuda,
        # optimization
        max_steps=plan.steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=plan.warmup_steps,
        optim="adamw_torch_fused" if cuda else "adamw_torch",
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=config.precision == "bf16",
        use_cpu=not cuda,
        activation_checkpointing=config.activation_checkpointing,
        seed=config.seed,
        # records
        save_strategy="steps",
        save_steps=config.save_every_steps,
        save_total_limit=max(config.keep_checkpoints, 1),
        logging_steps=config.log_every_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a NaN loss must show
        report_to=list(config.report_to),
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=model,
        args=args,
        train_dataset=sequences,
        eval_dataset=held_out if len(held_out) else None,
        processing_class=tokenizer,
        callbacks=[watch.as_callback()],
    )
    trainer.remove_callback(PrinterCallback)  # it would print to stdout
    return trainer


def _held_out_loss(trainer: Any) -> float:
    return round(float(trainer.evaluate()["eval_loss"]), 5)


def _export(config: StageConfig, folder: OutFolder, model: Any, tokenizer: Any) -> None:
    """Nothing; the model, complete or not at all, is in the output folder."""
    import torch

    staged = folder.path / ".staged"
    model.config.use_cache = True
    model.to(torch.bfloat16 if config.export_precision == "bf16" else torch.float32).save_pretrained(staged)
    tokenizer.save_pretrained(staged)
    folder.publish(staged)


def _identity(config: StageConfig, model_path: str) -> dict[str, Any]:
    """Everything that decides what is learned: an interrupted run goes on only with all of it unchanged."""
    weights = sorted(str(file) for file in Path(model_path).glob("*.safetensors"))
    return config.identity() | {
        "data": data_hash(config.data),
        "model": data_hash(weights) if weights else model_path,
        "template": template_hash(chat_template(config.system)),
    }


def _same_run(folder: OutFolder, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        raise RunFolderError(
            f"{folder.path}: holds a run with other settings ({', '.join(changed)}); --restart begins anew, "
            "--out keeps both"
        )


def _manifest(
    config: StageConfig, identity: dict[str, Any], data: TrainingSet, plan: Plan, *, held_out: int, parameters: int
) -> dict[str, Any]:
    packages = ("torch", "transformers", "trl", "datasets", "accelerate", "tokenizers")
    return {
        "status": "running",
        "stage": config.name,
        "command": command_line(),
        "started": _now(),
        "identity": identity,
        "config": config.model_dump(mode="json"),
        "model_parameters": parameters,
        "rows": {"kept": data.examples, "held_out": held_out, "dropped": data.dropped},
        "tokens": {"all": data.tokens, "trained": data.trained_tokens},
        "plan": {name: getattr(plan, name) for name in Plan.__slots__},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
    }


def _result(folder: OutFolder) -> dict[str, Any]:
    """First and last losses, from the metrics."""
    records = folder.keep_metrics_to(sys.maxsize)
    result: dict[str, Any] = {}
    for name in ("loss", "held_out_loss"):
        values = [record[name] for record in records if name in record]
        if values:
            result |= {f"first_{name}": values[0], f"last_{name}": values[-1]}
    rates = [record["tokens_per_s"] for record in records if "tokens_per_s" in record]
    return result | {"tokens_per_s": sorted(rates)[len(rates) // 2]}


def _tell_data(data: TrainingSet) -> None:
    dropped = ", ".join(f"{reason} {count}" for reason, count in data.dropped.items()) or "none"
    say(f"{data.examples:,} rows, {data.tokens:,} tokens, {data.trained_tokens:,} with loss; dropped: {dropped}")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
