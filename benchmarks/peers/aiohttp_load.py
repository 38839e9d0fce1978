"""A bare aiohttp load generator: workers that take the next row, send it, and read the answer. Nothing is kept."""

from __future__ import annotations

import asyncio

import aiohttp
from job import SAMPLING, Job, read_job


async def ask_all(job: Job) -> None:
    """Every row once."""
    remaining = iter(job.prompts)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": "Bearer none"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work() -> None:
            for prompt in remaining:
                body = {"model": job.model, "messages": [{"role": "user", "content": prompt}], **SAMPLING}
                async with session.post(f"{job.base_url}/chat/completions", json=body) as response:
                    answer = await response.json()
                    assert answer["choices"][0]["message"]["content"]

        await asyncio.gather(*(work() for _ in range(job.concurrency)))


asyncio.run(ask_all(read_job()))
