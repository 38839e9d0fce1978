"""distilabel: one TextGeneration step over the rows, whose batches are as large as the calls at once.

A step sends a batch, and takes the next when all of it is answered. The line that the HTTP client logs for every
request is turned off, as distilabel means it to be: it knows that client by an older name.
"""

from __future__ import annotations

import logging

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from job import SAMPLING, TEMPLATE, Job, read_job


def ask_all(job: Job) -> None:
    """Every row once."""
    with Pipeline(name="benchmark", cache_dir=job.folder) as pipeline:
        rows = LoadDataFromDicts(data=[{"text": row} for row in job.rows], batch_size=job.concurrency)
        llm = OpenAILLM(
            model=job.model,
            base_url=job.base_url,
            api_key="none",
            generation_kwargs={"temperature": SAMPLING["temperature"], "max_new_tokens": SAMPLING["max_tokens"]},
        )
        ask = TextGeneration(llm=llm, template=TEMPLATE, columns=["text"], input_batch_size=job.concurrency)
        rows >> ask
    answers = pipeline.run(use_cache=False)["default"]["train"]
    assert len(answers) == len(job.rows)
    assert all(answers["generation"])


if __name__ == "__main__":  # its steps run in processes that import this file
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    ask_all(read_job())
