"""The lines of batch files: a request as it is uploaded, and what a line of an output or error file says.

Not covered: getting the files (`batch_wire.py`), what becomes of an answer (`batches.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from synth.batch_wire import CHAT
from synth.calls import REFUSALS, Completion, Price, Request, parse_answer, refusal
from synth.wire import Fault, read_refusal


def write_line(request: Request, model: str) -> bytes:
    """The request as a batch endpoint wants it."""
    body = {"model": model, "messages": request.messages, **request.sampling}
    line = {"custom_id": request.key, "method": "POST", "url": CHAT, "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def read_line(line: bytes) -> dict[str, Any]:
    """The object on a line of an output or error file; empty where there is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("custom_id"), str) else {}


def read_answer(line: dict[str, Any], price: Price | None, check_model: Callable[[object], None]) -> Completion:
    """The answer on a line, or its refusal of this one prompt.

    Raises:
        Fault: there is none.
    """
    error, response = line.get("error"), line.get("response")
    if isinstance(error, dict):
        code = str(error.get("code") or "")
        fault = Fault(str(error.get("message") or code), status=400 if code in REFUSALS else 504, code=code)
    elif not isinstance(response, dict) or not isinstance(response.get("body"), dict):
        raise Fault("a line without a response", status=200)
    elif response.get("status_code") == 200:
        completion = parse_answer(response["body"], price, 0.0)
        check_model(response["body"].get("model"))
        return completion
    else:
        status = response.get("status_code")
        fault = read_refusal(status if isinstance(status, int) else 0, {}, json.dumps(response["body"]).encode())
    refused = refusal(fault)
    if refused is None:
        raise fault
    return refused
