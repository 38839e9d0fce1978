from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oven import made_up_python, pack
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs the train extra")

from pretrain import evaluate as module  # noqa: E402
from pretrain.baselines import train_ngram  # noqa: E402
from pretrain.config import ModelConfig  # noqa: E402
from pretrain.continuations import load_base, valid_python  # noqa: E402
from pretrain.errors import CheckpointError, PretrainError, RunFolderError, ShardError  # noqa: E402
from pretrain.evaluate import evaluate  # noqa: E402
from pretrain.evaluate_show import show  # noqa: E402
from pretrain.model import build_model  # noqa: E402
from pretrain.shards import open_shards, write_shard  # noqa: E402
from pretrain.syntax import valid_share  # noqa: E402
from pretrain.tokenizer import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def exported(oven: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model as `pretrain export` leaves it."""
    folder = tmp_path_factory.mktemp("exported") / "base"
    shape = ModelConfig(layers=1, width=16, heads=2, kv_heads=2, head_dim=8, ffn=32, vocab_size=300, context=256)
    model = build_model(shape, seed=0)
    model.config._attn_implementation = "sdpa"
    model.save_pretrained(folder)
    shutil.copytree(oven.tokenizer, folder, dirs_exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"tokens": 2000}))
    return folder


@pytest.fixture(scope="module")
def manifest(exported: Path, oven: Any) -> dict[str, Any]:
    return evaluate(exported, shards=[oven.shards], baseline=True, max_tokens=1000)


def test_all_are_measured_on_the_same_bytes(manifest: dict[str, Any], exported: Path) -> None:
    assert set(manifest["baselines"]) == {"untrained", "ngram", "zlib", "xz"}
    figures = [manifest["heldout_bits_per_byte"], *manifest["baselines"].values()]
    assert all(set(values) == {"python", "all"} for values in figures)
    assert manifest["heldout"]["python"]["tokens"] <= 1000
    assert manifest["status"] == json.loads((exported.parent / "eval/manifest.json").read_text())["status"] == "done"


def test_an_untrained_model_pays_about_the_logarithm_of_its_vocabulary(manifest: dict[str, Any]) -> None:
    facts = manifest["heldout"]["python"]
    uniform = facts["tokens"] * torch.tensor(300.0).log2().item() / facts["bytes"]
    assert manifest["heldout_bits_per_byte"]["all"] == pytest.approx(uniform, rel=0.02)
    assert manifest["baselines"]["untrained"]["all"] == pytest.approx(uniform, rel=0.02)
    assert manifest["baselines"]["ngram"]["all"] < 0.7 * uniform


def test_a_continuation_does_not_depend_on_the_padding_of_its_batch(exported: Path) -> None:
    base, prompts = load_base(exported), [[40, 41, 42], [50], [60] * 40]
    alone = list(base.continuations(prompts, temperature=0.0, batch=1))
    assert list(base.continuations(prompts, temperature=0.0, batch=3)) == alone


def test_the_ngram_reads_no_more_than_the_model_did(manifest: dict[str, Any], oven: Any) -> None:
    assert 1500 < manifest["ngram_tokens"] <= 2000
    _, everything = train_ngram([oven.shards], vocab_size=300, tokens_seen=None)
    assert everything == sum(shard.num_tokens for shard in open_shards([oven.shards]).values())


def test_a_finished_evaluation_is_found_and_another_refused(
    manifest: dict[str, Any], exported: Path, oven: Any
) -> None:
    assert evaluate(exported, shards=[oven.shards], baseline=True, max_tokens=1000) == manifest
    with pytest.raises(RunFolderError, match=r"holds another evaluation: max_tokens 1000 -> 999"):
        evaluate(exported, shards=[oven.shards], baseline=True, max_tokens=999)


def test_syntax_is_judged_alike_for_model_and_ngram(exported: Path, oven: Any, tmp_path: Path) -> None:
    functions = [f'def f{n}(a):\n    """Adds {n}."""\n    return a + {n}\n' for n in range(40)]
    encoder = load_tokenizer(oven.tokenizer)
    documents = [np.array([*encoder.encode(text).ids, 0], np.int32) for text in functions]
    facts = {"bytes": sum(map(len, functions)), "vocab_size": 300, "tokenizer": "x", "end_of_text": 0}
    write_shard(tmp_path / "python", [(each, np.array([len(each)], np.int32)) for each in documents], facts)
    shard = open_shards([tmp_path])["python"]
    ngram, _ = train_ngram([tmp_path], vocab_size=300, tokens_seen=None)
    shares = valid_python(load_base(exported), shard, ngram, num_prompts=8, batch=4)
    assert shares["prompts"] == 8
    assert shares["greedy"] == {"model": 0.0, "ngram": 1.0}  # the n-gram knows these functions by heart
    assert valid_share([(functions[0], "")]) == 1.0


def test_a_failing_benchmark_command_is_told(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(PretrainError, match="finetune eval: ended with 1"):
        module.run_benchmark(exported, "no-such-benchmark", tmp_path / "out", limit=1)


def test_a_failing_benchmark_is_told_before_the_rest_is_measured(
    exported: Path, oven: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PretrainError, match="finetune eval: ended with 1"):
        evaluate(exported, shards=[oven.shards], benchmark="no-such-benchmark", out=tmp_path / "out")
    assert "bits per byte on" not in capfd.readouterr().err


@pytest.mark.engine
@pytest.mark.usefixtures("pool")
def test_a_benchmark_begins_anew_with_the_evaluation(exported: Path, tmp_path: Path) -> None:
    module.run_benchmark(exported, "humaneval", tmp_path, limit=1)
    with pytest.raises(PretrainError, match="finetune eval: ended with 1"):
        module.run_benchmark(exported, "humaneval", tmp_path, limit=2)
    assert module.run_benchmark(exported, "humaneval", tmp_path, limit=2, restart=True)["problems"] == 2


def test_other_held_out_text_is_another_evaluation(exported: Path, oven: Any, tmp_path: Path) -> None:
    shards = shutil.copytree(oven.shards, tmp_path / "shards")
    evaluate(exported, shards=[shards], max_tokens=1000, prompts=1, out=tmp_path / "out")
    pack(oven.tokenizer, shards / "heldout" / "python", made_up_python(30, seed=7))
    with pytest.raises(RunFolderError, match="holds another evaluation: held-out python"):
        evaluate(exported, shards=[shards], max_tokens=1000, prompts=1, out=tmp_path / "out")


def test_the_table_shows_every_language_and_baseline(manifest: dict[str, Any]) -> None:
    stream = io.StringIO()
    show(manifest, Console(file=stream, width=100))
    shown = stream.getvalue()
    assert all(word in shown for word in ("python", "all", "untrained", "ngram", "zlib", "xz"))


def test_shards_without_held_out_text_are_named(exported: Path, oven: Any, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no heldout folder in it"):
        evaluate(exported, shards=[oven.synth], out=tmp_path / "out")


def test_shards_of_another_tokenizer_are_refused(exported: Path, oven: Any, tmp_path: Path) -> None:
    other = shutil.copytree(exported, tmp_path / "other")
    with (other / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ShardError, match="tokenizer"):
        evaluate(other, shards=[oven.shards], out=tmp_path / "out")


def test_a_model_that_is_not_there_is_named(oven: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: no such folder"):
        evaluate(tmp_path / "nowhere", shards=[oven.shards], out=tmp_path / "out")
