from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
gguf = pytest.importorskip("gguf", reason="needs the train extra")

from pretrain.config import ModelConfig  # noqa: E402
from pretrain.errors import TokenizerError  # noqa: E402
from pretrain.gguf_file import to_neighbours, write_gguf  # noqa: E402
from pretrain.model import build_model  # noqa: E402
from pretrain.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer  # noqa: E402

pytestmark = pytest.mark.train
SHAPE = ModelConfig(layers=2, width=64, heads=4, kv_heads=2, head_dim=32, ffn=64, vocab_size=320, context=128)
TEXTS = [
    "def quick_sort(numbers):\n    return 12345\n",
    "\tif x:\r\n\t\ty  +=  'é' # don't\n\n\n   ",
    "中文注释，两行。\n１２３ ٣٤ x²",
    "😀👍🏽 a\u00a0b\u200b \x00 ~~~ ____init__ CamelCase",
]


def make_model(**fields: Any) -> Any:
    """A model whose choices are far apart."""
    model = build_model(SHAPE.model_copy(update=fields), seed=2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter *= 5
    return model.eval()


@pytest.fixture(scope="module")
def model() -> Any:
    return make_model()


@pytest.fixture(scope="module")
def server(model: Any, oven: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """llama.cpp serving the file."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="needs the local extra")
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(model, oven.tokenizer, path, name="test")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.cache_ram_mib = 128, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(params)


@pytest.mark.parametrize("text", TEXTS)
def test_llama_cpp_cuts_text_into_the_same_tokens(server: Any, oven: Any, text: str) -> None:
    request = urllib.request.Request(
        f"{server.listening_address}/tokenize",
        data=json.dumps({"content": text, "parse_special": False}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        tokens = json.load(response)["tokens"]
    assert tokens == load_tokenizer(oven.tokenizer).encode(text).ids


@pytest.mark.parametrize("text", TEXTS[:2])
def test_llama_cpp_writes_the_same_greedy_tokens(server: Any, model: Any, oven: Any, text: str) -> None:
    tokenizer = load_tokenizer(oven.tokenizer)
    ids = torch.tensor([tokenizer.encode(text).ids])
    ours = model.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=[0, 8], pad_token_id=4)
    answer = server.handle_completions({"prompt": text, "max_tokens": 12, "temperature": 0})
    written = tokenizer.decode(ours[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
    assert answer["choices"][0]["text"] == written
    assert written


def test_every_weight_is_there_in_its_type(oven: Any, tmp_path: Path) -> None:
    model = make_model(tied_embeddings=True).to(torch.bfloat16)
    write_gguf(model, oven.tokenizer, tmp_path / "model.gguf", name="test")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert len(kinds) == 2 + 2 * 9
    assert kinds["token_embd.weight"] == kinds["blk.1.attn_q.weight"] == "BF16"
    assert kinds["output_norm.weight"] == kinds["blk.0.ffn_norm.weight"] == "F32"
    assert len(reader.fields["tokenizer.ggml.tokens"].data) == 320


def test_halves_become_neighbours() -> None:
    weight = torch.arange(8.0)[:, None].expand(8, 3)
    assert to_neighbours(weight, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_a_splitting_rule_that_llama_cpp_does_not_know_is_refused(model: Any, tmp_path: Path) -> None:
    other = train_tokenizer(["a b c d " * 3], vocab_size=288, pattern=r"\s+|\S+")
    save_tokenizer(other, tmp_path)
    with pytest.raises(TokenizerError, match=r"a rule that llama\.cpp has no name for"):
        write_gguf(model, tmp_path, tmp_path / "model.gguf", name="test")
