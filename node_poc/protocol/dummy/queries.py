"""PURE: users' queries through the dummy server: list, status, log, kill, result, output.

Every payload and every answer is an object. An answer without data has the member ``error``.
"""

from __future__ import annotations

import base64
import codecs
import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from node_poc.config.explain import explain, shape_of
from node_poc.protocol.dummy.messages import result_message
from node_poc.protocol.wire import MAX_RUN_ID, MessageError, iso_time
from node_poc.runs.model import failure_fields
from node_poc.runs.ports import KillOutcome, LogReader, RunSummary, UserQueries

# The server accepts messages of up to 5 MB.
_MAX_LIST_BYTES = 2 * 1024 * 1024
_DECODER = codecs.getincrementaldecoder("utf-8")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_RunId = Annotated[int, Field(ge=1, le=MAX_RUN_ID)]


class _OneRun(_Query):
    run_id: _RunId


class _Log(_OneRun):
    offset: int = Field(default=0, ge=0, le=2**62)


class _Output(_OneRun):
    path: str = Field(max_length=4096)
    offset: int = Field(default=0, ge=0, le=2**62)


class _Kill(_Query):
    run_ids: list[_RunId] | None = Field(default=None, max_length=10_000)
    all: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> _Kill:
        if self.all == (self.run_ids is not None):
            raise ValueError("must have either run_ids, a list of run ids, or all: true")
        return self


def answer(event: str, payload: object, control: UserQueries) -> dict[str, Any]:
    """Return the answer to a query.

    Raises:
        MessageError: the payload breaks a rule.
        QueryError: the node has no answer, for example because the run is unknown here.
    """
    match event:
        case "list":
            _parse(_Query, payload)
            return _list(control.list_runs())
        case "status":
            return {"run": _summary(control.status(_parse(_OneRun, payload).run_id))}
        case "kill":
            kill = _parse(_Kill, payload)
            run_ids = None if kill.run_ids is None else tuple(kill.run_ids)
            return {"outcomes": [_outcome(outcome) for outcome in control.kill(run_ids)]}
        case "log":
            return _log(_parse(_Log, payload), control)
        case "result":
            result = control.read_result(_parse(_OneRun, payload).run_id)
            if result is None:
                return {"error": "the run has not ended: there is no result yet"}
            return {"result": result_message(result)}
        case "output":
            return _output(_parse(_Output, payload), control)
    raise MessageError(f"{event}: is no query")


EVENTS = ("list", "status", "log", "kill", "result", "output")


_T = TypeVar("_T", bound=_Query)


def _parse(model: type[_T], payload: object) -> _T:
    if not isinstance(payload, dict):
        raise MessageError(f"the query must be an object, but it is {shape_of(payload)}")
    try:
        return model(**{str(key): value for key, value in payload.items()})
    except ValidationError as error:
        raise MessageError(explain(error)) from error


def _list(runs: list[RunSummary]) -> dict[str, Any]:
    """Return the newest runs, as many as fit into a message; ``more`` counts the other runs."""
    shown: list[dict[str, Any]] = []
    left = _MAX_LIST_BYTES
    for run in runs:
        summary = _summary(run)
        left -= len(json.dumps(summary)) + 2
        if left < 0:
            break
        shown.append(summary)
    return {"runs": shown, "more": len(runs) - len(shown)}


def _log(query: _Log, reader: LogReader) -> dict[str, Any]:
    part = reader.read_log(query.run_id, query.offset)
    decoder = _DECODER("replace")
    text = decoder.decode(part.data)
    torn = len(decoder.getstate()[0])  # the start of a character that ends in the next part
    if torn == len(part.data) and not part.grows:  # there is no next part
        text, torn = decoder.decode(b"", final=True), 0
    return {"text": text, "next_offset": part.next_offset - torn, "ended": part.ended}


def _output(query: _Output, control: UserQueries) -> dict[str, Any]:
    part = control.read_output(query.run_id, query.path, query.offset)
    data = base64.b64encode(part.data).decode("ascii")
    return {"data": data, "next_offset": part.next_offset, "size": part.size}


def _outcome(outcome: KillOutcome) -> dict[str, Any]:
    return {"run_id": outcome.run_id, "outcome": outcome.outcome, "status": outcome.status}


def _summary(summary: RunSummary) -> dict[str, Any]:
    run = summary.run
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "image": summary.image,
        "position": summary.position,
        "received": iso_time(run.received_at),
        "job_created": iso_time(run.job_created_at),
        "started": iso_time(run.started_at),
        "ended": iso_time(run.ended_at),
        **failure_fields(run.failure),
        "delivered": summary.delivered,
    }
