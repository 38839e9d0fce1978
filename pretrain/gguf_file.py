"""A model as one GGUF file for llama.cpp, through the `gguf` package: its writer, its tensor names, its keys.

Written as llama.cpp's own converter writes a Llama: query and key rows are re-ordered from the halves that
transformers rotates to the neighbours that llama.cpp does. The tokenizer goes along with the name of the splitting
rule that llama.cpp has for it (`pretrain/tokenizer.py`): 600 documents of Python packages, 2.0 million tokens, come out
the same token for token. Vectors are fp32 and matrices the model's type.
Not covered: quantisation, which llama.cpp's tools do from this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from pretrain.errors import TokenizerError
from pretrain.tokenizer import IM_END, LLAMA_CPP_PRE, PATTERN, SPECIAL_TOKENS


def write_gguf(model: Any, tokenizer: Path, path: Path, *, name: str) -> None:
    """Nothing; `path` holds the model and its tokenizer. Raises: TokenizerError where llama.cpp cannot split alike."""
    writer = gguf.GGUFWriter(path, "llama")
    bf16 = model.dtype is torch.bfloat16
    try:
        _add_shape(writer, model.config, name=name, bf16=bf16)
        _add_tokenizer(writer, tokenizer, model.config)
        for key, array, kind in _tensors(model):
            writer.add_tensor(key, array, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_shape(writer: Any, config: Any, *, name: str, bf16: bool) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if bf16 else gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def _add_tokenizer(writer: Any, folder: Path, config: Any) -> None:
    """Nothing; the vocabulary (filled up to the model's), merges, ends and chat template are written."""
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if PATTERN not in json.dumps(content["pre_tokenizer"], ensure_ascii=False).replace("\\\\", "\\"):
        raise TokenizerError(
            f"{folder}: splits text by a rule that llama.cpp has no name for; train one without --pattern"
        )
    vocabulary = content["model"]["vocab"]
    texts = {number: token for token, number in vocabulary.items()}
    texts |= {token["id"]: token["content"] for token in content["added_tokens"]}
    numbers = range(config.vocab_size)
    writer.add_tokenizer_model("gpt2")  # llama.cpp's name for byte-level BPE
    writer.add_tokenizer_pre(LLAMA_CPP_PRE)
    writer.add_token_list([texts.get(number, f"[PAD{number}]") for number in numbers])
    writer.add_token_types([_kind(texts.get(number)) for number in numbers])
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]]
    )
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_eot_token_id(SPECIAL_TOKENS.index(IM_END))
    writer.add_pad_token_id(config.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


def _kind(token: str | None) -> int:
    """The GGUF type of a token; `None` is a row that no token uses."""
    if token is None:
        return int(gguf.TokenType.UNUSED)
    return int(gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL)


def _tensors(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """GGUF name, array and type of each weight."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue  # llama.cpp then takes the input table
        if key.endswith("q_proj.weight"):
            tensor = to_neighbours(tensor, config.num_attention_heads)
        elif key.endswith("k_proj.weight"):
            tensor = to_neighbours(tensor, config.num_key_value_heads)
        target = names.get_name(key, try_suffixes=(".weight",))
        assert target is not None, key
        if tensor.ndim == 1 or tensor.dtype is torch.float32:
            yield target, tensor.float().numpy(), gguf.GGMLQuantizationType.F32
        else:
            bits = tensor.contiguous().view(torch.int16).numpy().view(np.uint16)
            yield target, bits, gguf.GGMLQuantizationType.BF16


def to_neighbours(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of `weight` (heads x D, C), each head's two halves interleaved: rows i and i + D/2 become neighbours."""
    halves = weight.view(heads, 2, -1, weight.shape[1])  # (H, 2, D/2, C)
    return halves.transpose(1, 2).flatten(0, 2).contiguous()
