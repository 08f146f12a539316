"""Show events in the emitter: events in, lines out. Pure except for the output stream.

An algorithm's log is untrusted text. Control characters could steer the reader's terminal and are
therefore escaped.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TextIO

from emitter_client import Event, EventKind
from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
FAILED = "red"
GOOD = "green"
NOTE = "yellow"
PLAIN = ""
QUIET = "dim"


def clean(text: Any) -> str:
    """Return the text with control characters (except newline and tab) as visible escapes."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text).replace("\r\n", "\n"))


def head(at: datetime, elapsed_s: float) -> str:
    """Return the start of a line: local time and the seconds since the command was posted."""
    return f"{at.astimezone():%H:%M:%S} {elapsed_s:7.2f} s  "


def lines_for(event: Event, elapsed_s: float) -> Iterator[tuple[str, str]]:
    """Yield (style, line) pairs for one event."""
    start = head(event.at, elapsed_s)
    data = event.data
    run = f"run {event.run_id}: " if event.run_id is not None else ""
    if event.kind is EventKind.ACK:
        yield _ack_line(data, start + run)
    elif event.kind is EventKind.STATUS:
        yield PLAIN, f"{start}{run}{clean(data.get('status'))}"
        yield from _explanation(data)
    elif event.kind is EventKind.RESULT:
        yield from _result_lines(data, start + run)
    elif event.kind is EventKind.REJECTED:
        yield FAILED, f"{start}{run}refused: {clean(data.get('reason'))}"
    elif event.kind is EventKind.CONNECTION_LOST:
        yield NOTE, f"{start}connection to {clean(data.get('server'))} lost, connecting again ..."
    else:
        yield NOTE, f"{start}connected again, commands posted again: {data.get('posted_again')}"


def _ack_line(ack: dict[str, Any], start: str) -> tuple[str, str]:
    state, reason = ack.get("state"), clean(ack.get("reason"))
    if state == "forwarded":
        return PLAIN, f"{start}accepted by the node (status {clean(ack.get('status'))})"
    if state == "kept":
        return NOTE, f"{start}no node is connected: kept by the server until one is"
    if state == "refused":
        return FAILED, f"{start}refused: {reason}"
    return NOTE, f"{start}{reason if ack.get('reason') else 'the server gave no clear answer'}"


def _explanation(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("cause", "detail", "advice"):
        if data.get(key):
            yield NOTE, f"    {key}: {clean(data[key])}"


def _result_lines(result: dict[str, Any], start: str) -> Iterator[tuple[str, str]]:
    style = GOOD if result.get("status") == "completed" else FAILED
    code = result.get("exit_code")
    exit_code = "" if code is None else f", exit code {clean(code)}"
    yield style, f"{start}ended: {clean(result.get('status'))}{exit_code}"
    yield from _explanation(result)
    cut = " (only the end of it)" if result.get("log_truncated") else ""
    log = clean(result.get("log") or "").rstrip("\n")
    yield PLAIN, f"log{cut}:" if log else "log: empty"
    for line in log.split("\n") if log else ():
        yield QUIET, f"    {line}"
    output = result.get("output")
    files = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    yield PLAIN, "output files:" if files else "output files: none"
    for item in files:
        yield PLAIN, f"    {clean(item.get('path'))}  {clean(item.get('size'))} bytes"


class TextView:
    """Show events as lines for people; colours on a terminal only (and not with NO_COLOR)."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True, emoji=False)
        self._clock = clock
        self._begin = clock()

    def show(self, event: Event) -> None:
        """Print one event."""
        for style, line in lines_for(event, self._clock() - self._begin):
            self._console.print(line, style=style or None, markup=False)


class JsonView:
    """Show each event as one JSON object on one line."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begin = clock()

    def show(self, event: Event) -> None:
        """Print one event: time (ISO, UTC), elapsed_s, event, run_id, data."""
        line = {
            "time": event.at.isoformat(),
            "elapsed_s": round(self._clock() - self._begin, 3),
            "event": event.kind.value,
            "run_id": event.run_id,
            "data": event.data,
        }
        self._stream.write(json.dumps(line, default=repr) + "\n")
        self._stream.flush()
