"""A scripted provider of batches over real HTTP: files and batches, what goes wrong with them, and what was paid."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from scripted import Answer, reply_body, serving

Fault = int | str
"""What a call meets with: a status; `cut` before or `lost` after its work was done; `html`; `torn` in mid-body."""
ROUTES = {
    "POST /files": r"POST /v1/files",
    "POST /batches": r"POST /v1/batches",
    "GET /batches": r"GET /v1/batches(\?.*)?",
    "GET /batches/ID": r"GET /v1/batches/(?P<id>[\w-]+)",
    "GET /files/ID/content": r"GET /v1/files/(?P<id>[\w-]+)/content",
    "GET /models": r"GET /v1/models",
    "POST /chat/completions": r"POST /v1/chat/completions",
}


@dataclass
class Job:
    """A batch at the provider."""

    id: str
    input_file: str
    metadata: dict[str, str] | None
    requests: list[dict[str, Any]]
    status: str = "validating"
    looks: int = 0
    answered: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """`output_file_id`, `error_file_id`."""

    def body(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": self.input_file,
            "completion_window": "24h",
            "created_at": int(time.time()),
            "status": self.status,
            "metadata": self.metadata,
            "request_counts": {"total": len(self.requests), "completed": self.answered, "failed": self.failed},
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "output_file_id": None,
            "error_file_id": None,
            **self.files,
        }


@dataclass
class Provider:
    """The provider's script and its memory."""

    answer: Callable[[dict[str, Any]], Answer]
    ends: list[str] = field(default_factory=list)
    """How the first, second ... batch ends; `completed` after those."""
    share: float = 0.5
    """Of a batch that expires or is cancelled, so much is answered before."""
    looks: int = 1
    """How often a batch is looked at before it ends."""
    running: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, no batch ends."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    """Of batches that end as `failed`."""
    queue_limit: int | None = None
    """Requests in open batches that the account may have; a batch past it ends as `failed`."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """Route -> what its first, second ... call meets with."""
    untidy: bool = False
    """Whether output files are shuffled, with repeated, unknown and unreadable lines."""
    keeps_metadata: bool = True
    hook: Callable[[str, str], None] = lambda *_: None
    """Called with each route, `before` and `after` it did its work."""
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    submitted: Counter[str] = field(default_factory=Counter)
    """Request key -> how often it was in a batch that began."""
    paid: Counter[str] = field(default_factory=Counter)
    """Request key -> how often it was answered."""
    prompts: list[str] = field(default_factory=list)
    """Of single calls."""
    base_url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.running.set()

    def sizes(self) -> list[int]:
        """Requests in each batch, in the order of their creation."""
        return [len(job.requests) for job in self.jobs.values()]

    def upload(self, content: bytes) -> str:
        """Keeps a file."""
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def create(self, order: dict[str, Any]) -> Job:
        """Begins a batch."""
        requests = [json.loads(line) for line in self.files[order["input_file_id"]].splitlines()]
        metadata = order.get("metadata") if self.keeps_metadata else None
        job = Job(f"batch-{len(self.jobs)}", order["input_file_id"], metadata, requests)
        queued = sum(len(other.requests) for other in self.jobs.values() if other.status == "in_progress")
        self.jobs[job.id] = job
        if self.queue_limit is not None and queued + len(requests) > self.queue_limit:
            job.status = "failed"
            job.errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]
        elif (self.ends[len(self.jobs) - 1 :] or [""])[0] == "failed":
            job.status, job.errors = "failed", self.errors
        else:
            job.status = "in_progress"
            self.submitted.update(request["custom_id"] for request in requests)
        return job

    def look(self, job: Job) -> Job:
        """Lets time pass for a batch that is looked at."""
        job.looks += 1
        if job.status == "in_progress" and job.looks > self.looks and self.running.is_set():
            place = list(self.jobs).index(job.id)
            self.end(job, (self.ends[place:] or ["completed"])[0])
        return job

    def end(self, job: Job, status: str) -> None:
        """Writes what a batch came to."""
        number = len(job.requests) if status == "completed" else int(len(job.requests) * self.share)
        outputs, errors = [], []
        for request in job.requests[:number]:
            reply = self.answer(request["body"])
            code, body = (200, reply_body(reply)) if isinstance(reply, str) else reply
            response = {"status_code": code, "request_id": "r", "body": body}
            line = {"id": "l", "custom_id": request["custom_id"], "response": response, "error": None}
            (outputs if code == 200 else errors).append(line)
        self.paid.update(line["custom_id"] for line in outputs)
        job.answered, job.failed = len(outputs), len(errors)
        for request in job.requests[number:]:
            error = {"code": f"batch_{status}", "message": "This request could not be executed in time."}
            errors.append({"id": "l", "custom_id": request["custom_id"], "response": None, "error": error})
        texts = [json.dumps(line, ensure_ascii=False) for line in outputs]
        if self.untidy:
            texts += [*texts[:2], json.dumps({"custom_id": "f" * 64, "response": None}), "no JSON", ""]
            random.Random(job.id).shuffle(texts)
        for kind, lines in (("output", texts), ("error", [json.dumps(line) for line in errors])):
            if lines:
                job.files[f"{kind}_file_id"] = self.upload("\n".join(lines).encode())
        job.status = status


@contextmanager
def provide(script: Provider) -> Iterator[Provider]:
    """The provider, up on a free port of this machine for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._handle(b"")

        def do_POST(self) -> None:
            self._handle(self.rfile.read(int(self.headers["content-length"])))

        def _handle(self, content: bytes) -> None:
            asked = f"{self.command} {self.path}"
            route, match = next(
                (name, match) for name, pattern in ROUTES.items() if (match := re.fullmatch(pattern, asked))
            )
            with script.lock:
                script.calls[route] += 1
                fault = script.faults[route].pop(0) if script.faults.get(route) else None
            script.hook(route, "before")
            if fault == "cut":
                self.close_connection = True
                return
            if isinstance(fault, int):
                self._send(fault, json.dumps({"error": {"message": f"scripted {fault}"}}).encode())
                return
            if fault == "html":
                self._send(200, b"<html>maintenance</html>", kind="text/html")
                return
            with script.lock:
                reply = self._work(route, match, content)
            script.hook(route, "after")
            if fault == "lost":
                self.close_connection = True
                return
            self._send(200, reply, torn=fault == "torn")

        def _work(self, route: str, match: re.Match[str], content: bytes) -> bytes:
            found: Any = {}
            if route == "POST /files":
                found = {"id": script.upload(_file_of(content, self.headers["content-type"])), "object": "file"}
            elif route == "POST /batches":
                found = script.create(json.loads(content)).body()
            elif route == "GET /batches":
                jobs = [job.body() for job in reversed(script.jobs.values())]
                found = {"object": "list", "data": jobs, "has_more": False}
            elif route == "GET /batches/ID":
                found = script.look(script.jobs[match["id"]]).body()
            elif route == "GET /files/ID/content":
                return script.files[match["id"]]
            elif route == "GET /models":
                found = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
            else:
                body = json.loads(content)
                script.prompts.append(body["messages"][-1]["content"])
                answer = script.answer(body)
                assert isinstance(answer, str)
                found = reply_body(answer)
            return json.dumps(found).encode()

        def _send(self, status: int, reply: bytes, *, kind: str = "application/json", torn: bool = False) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply[: len(reply) // 2] if torn else reply)
            self.close_connection = torn

    with serving(Handler) as script.base_url:
        yield script


def _file_of(content: bytes, content_type: str) -> bytes:
    """The part of a multipart form that is called `file`."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    for part in content.split(b"--" + boundary):
        head, _, body = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return body.removesuffix(b"\r\n")
    raise AssertionError("an upload without a file")
