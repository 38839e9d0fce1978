"""The embedded teacher's server: one GGUF behind an OpenAI-compatible endpoint, as a process of its own.

`synth.launch` starts it as `python -m synth.local_server`. The server is llama.cpp's own, from the `xllamacpp` wheel,
with continuous batching and a prompt cache. A process of its own, so that its threads never hold the client's
interpreter and a crash in C++ ends one child and not the run. Not covered: its health and its end (`synth.launch`).
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

PROMPT_CACHE_MIB = 1024
"""Host memory for prompts whose slot went to another template, so that few-shot openings are read once; llama.cpp's
own default, 8 GiB, is more than a small machine has."""


def serve(model: Path, *, port: int, name: str, slots: int, context_per_slot: int, threads: int) -> None:
    """Nothing, after a signal: serves `model` on 127.0.0.1 until then."""
    import xllamacpp  # 100 MB of C++: only the serving process loads it

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {name}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = slots * context_per_slot  # llama.cpp divides the context evenly among the slots
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.endpoint_metrics = True  # the length of its queue, for the limiter
    server = xllamacpp.Server(params)  # returns once the model is loaded and the port is bound
    print(f"listening on {server.listening_address}", flush=True)
    signal.pause()


def main() -> None:
    """Nothing; parses the command line that `synth.launch` writes."""
    parser = argparse.ArgumentParser(prog="python -m synth.local_server", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", required=True)
    for option in ("--port", "--slots", "--context-per-slot", "--threads"):
        parser.add_argument(option, type=int, required=True)
    serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
