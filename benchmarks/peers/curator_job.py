"""bespokelabs-curator: one `LLM` whose prompt is the template, over its OpenAI back end.

Its rate limits are set out of reach. Without a network it starts only because litellm ships the tokenizer that the
back end counts with, under the name that tiktoken looks for; telemetry and the price list's download are turned off.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

os.environ |= {
    "TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
}
TOKENIZERS = Path(importlib.util.find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
os.environ["TIKTOKEN_CACHE_DIR"] = str(TOKENIZERS)

from bespokelabs import curator  # noqa: E402
from datasets import Dataset  # noqa: E402
from job import SAMPLING, Job, read_job  # noqa: E402


class Asked(curator.LLM):  # type: ignore[misc]
    """A row in, the row with its answer out."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            model_name=job.model,
            backend="openai",
            backend_params={
                "base_url": job.base_url,
                "api_key": "none",
                "max_concurrent_requests": job.concurrency,
                "max_requests_per_minute": 10**7,
                "max_tokens_per_minute": 10**10,
            },
            generation_params=SAMPLING,
        )
        self._job = job

    def prompt(self, row: dict[str, str]) -> str:
        """The row's prompt."""
        return self._job.prompt(row["text"])

    def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
        """The row and its answer."""
        return {"text": row["text"], "answer": response}


def ask_all(job: Job) -> None:
    """Every row once."""
    answers = Asked(job)(Dataset.from_list([{"text": row} for row in job.rows]), working_dir=str(job.folder))
    assert len(answers.dataset) == len(job.rows)


ask_all(read_job())
