"""The `openai` package's async client: workers that take the next row. Nothing is kept.

As it comes, but for its five seconds to connect, in which a busy machine may not open hundreds of connections.
"""

from __future__ import annotations

import asyncio

import openai
from job import SAMPLING, Job, read_job


async def ask_all(job: Job) -> None:
    """Every row once."""
    remaining = iter(job.prompts)
    async with openai.AsyncOpenAI(base_url=job.base_url, api_key="none", timeout=600) as client:

        async def work() -> None:
            for prompt in remaining:
                answer = await client.chat.completions.create(
                    model=job.model,
                    messages=[{"role": "user", "content": prompt}],
                    **SAMPLING,  # type: ignore[call-overload]
                )
                assert answer.choices[0].message.content

        await asyncio.gather(*(work() for _ in range(job.concurrency)))


asyncio.run(ask_all(read_job()))
