from __future__ import annotations

import gc
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pretrain.config import ModelConfig, load_preset  # noqa: E402
from pretrain.model import build_model, llama_config  # noqa: E402

pytestmark = pytest.mark.train

SMALL = ModelConfig(layers=2, width=32, heads=4, kv_heads=2, head_dim=12, ffn=88, vocab_size=256, context=32)
OPENCODER = {  # the released config.json files, and the parameters that their names promise
    "1.5b": {
        "head_dim": 160,
        "num_key_value_heads": 14,
        "hidden_size": 2240,
        "intermediate_size": 6144,
        "total": 1.91e9,
    },
    "8b": {"head_dim": 128, "num_key_value_heads": 8, "hidden_size": 4096, "intermediate_size": 14336, "total": 7.77e9},
}


@pytest.mark.parametrize("name", ["tiny", "1.5b", "8b"])
def test_a_preset_has_the_parameters_that_its_config_counts(name: str) -> None:
    from transformers import LlamaForCausalLM

    config = load_preset(name).model
    with torch.device("meta"):
        model = LlamaForCausalLM(llama_config(config))
    assert sum(parameter.numel() for parameter in model.parameters()) == config.num_parameters()


@pytest.mark.parametrize("name", sorted(OPENCODER))
def test_the_big_presets_are_opencoders(name: str) -> None:
    config = load_preset(name).model
    made = llama_config(config)
    assert {key: getattr(made, key) for key in OPENCODER[name] if key != "total"} == {
        key: value for key, value in OPENCODER[name].items() if key != "total"
    }
    assert config.num_parameters() == pytest.approx(OPENCODER[name]["total"], rel=0.005)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    first = build_model(SMALL, seed=3).state_dict()
    torch.rand(17)
    second = build_model(SMALL, seed=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_gives_other_weights() -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(build_model(SMALL, seed=3).state_dict()[name], build_model(SMALL, seed=4).state_dict()[name])


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    build_model(SMALL, seed=3)
    assert torch.equal(torch.rand(1), expected)


def test_what_writes_to_the_residual_stream_is_scaled_by_depth() -> None:
    config = SMALL.model_copy(update={"width": 256, "head_dim": 64, "layers": 8})
    weights = build_model(config, seed=0).state_dict()
    assert weights["model.layers.3.self_attn.q_proj.weight"].std() == pytest.approx(0.02, rel=0.02)
    assert weights["model.layers.3.self_attn.o_proj.weight"].std() == pytest.approx(0.02 / math.sqrt(16), rel=0.02)
    assert weights["model.layers.3.mlp.down_proj.weight"].std() == pytest.approx(0.02 / math.sqrt(16), rel=0.02)


def test_an_untrained_model_guesses_uniformly() -> None:
    ids = torch.randint(0, 256, (4, 32), generator=torch.Generator().manual_seed(0))
    loss = build_model(SMALL, seed=0)(input_ids=ids, labels=ids).loss
    assert loss.item() == pytest.approx(math.log(256), rel=0.01)


def test_tied_tables_are_one() -> None:
    config = SMALL.model_copy(update={"tied_embeddings": True})
    model = build_model(config, seed=0)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert sum(parameter.numel() for parameter in model.parameters()) == config.num_parameters()


def test_one_layer_at_a_time_has_weights_that_are_not_placed_yet() -> None:
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    config = SMALL.model_copy(update={"layers": 4, "ffn": 89})  # found by its width among what other tests left
    whole: list[int] = []

    def place(layer: torch.nn.Module) -> None:
        layers = [found for found in gc.get_objects() if type(found) is LlamaDecoderLayer]
        whole.append(sum(w.shape[0] == 89 and not w.is_meta for w in (found.mlp.up_proj.weight for found in layers)))
        layer.to("meta")  # as if sharded

    build_model(config, seed=0, on_layer=place)
    assert whole == [1, 1, 1, 1]


def test_a_larger_vocabulary_can_be_asked_for() -> None:
    assert build_model(SMALL, seed=0, vocab_size=300).lm_head.weight.shape == (300, 32)


def test_a_saved_model_loads_as_a_plain_llama(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = build_model(SMALL, seed=0)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.arange(20)[None]
    assert type(loaded).__name__ == "LlamaForCausalLM"
    assert loaded.config._attn_implementation == "sdpa"
    assert torch.allclose(loaded(ids).logits, model(ids).logits, atol=1e-6)
