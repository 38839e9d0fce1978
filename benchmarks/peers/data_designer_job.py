"""NeMo Data Designer: one text column over a seed file, every row once, in order."""

from __future__ import annotations

import json

import data_designer.config as dd
from data_designer.interface import DataDesigner
from job import SAMPLING, TEMPLATE, Job, read_job


def ask_all(job: Job) -> None:
    """Every row once."""
    job.folder.mkdir()
    seeds = job.folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"text": row}) + "\n" for row in job.rows))
    model = dd.ModelConfig(
        alias="teacher",
        model=job.model,
        provider="endpoint",
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=job.concurrency, **SAMPLING),
        skip_health_check=True,  # a call more
    )
    recipe = dd.DataDesignerConfigBuilder(model_configs=[model])
    recipe.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
    recipe.add_column(dd.LLMTextColumnConfig(name="answer", prompt=TEMPLATE, model_alias="teacher"))
    endpoint = dd.ModelProvider(name="endpoint", endpoint=job.base_url, api_key="none")
    designer = DataDesigner(artifact_path=job.folder, model_providers=[endpoint])
    answers = designer.create(recipe, num_records=len(job.rows), dataset_name="benchmark").load_dataset()
    assert len(answers) == len(job.rows)


ask_all(read_job())
