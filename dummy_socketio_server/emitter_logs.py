"""The emitter's command `logs`: print an algorithm's log from its start, and follow on request."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

from emitter_common import COMPLETED, NOT_UNDERSTOOD, PAUSE_S, Asker, NodeSaidError, asking
from emitter_view import clean
from wire import is_run_id

# A piece below this size means that the end of the log is reached for now.
SMALL_BYTES = 4_096
# Stop after this many small pieces in a row: the run writes as fast as the emitter reads, and the
# user did not ask to follow.
SMALL_PIECES = 20


def add_logs_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `logs`."""
    parser.add_argument("run_id", type=int, metavar="RUN", help="the run's number")
    parser.add_argument("-f", "--follow", action="store_true", help="until the run ends")


def run_logs(options: argparse.Namespace) -> int:
    """Print a run's log."""
    last = "\n"
    with asking(options) as asker:
        for text in log_pieces(asker, options.run_id, follow=options.follow):
            write(text, sys.stdout)
            last = text[-1:] or last
    if last != "\n" and sys.stdout.isatty():
        sys.stdout.write("\n")
    return COMPLETED


def log_pieces(asker: Asker, run_id: int, *, follow: bool) -> Iterator[str]:
    """Yield the log from its start, piece by piece; with `follow` until the run ends.

    Raise NodeSaidError, NoAnswerError or ServerUnreachableError.
    """
    offset, small = 0, 0
    ask = asker.ask  # no retries for the first question, whose answer shows whether the run exists
    while True:
        answer = ask("log_request", {"run_id": run_id, "offset": offset}, "text", str)
        ask = asker.ask_patiently if follow else asker.ask
        text, progress = answer["text"], _progress(answer, offset)
        yield text
        offset += progress
        ended = answer.get("ended") is True
        if not progress and (ended or not follow):
            return
        small = small + 1 if progress < SMALL_BYTES else 0
        if small >= SMALL_PIECES and not ended and not follow:
            return
        if follow and small and not ended:
            time.sleep(PAUSE_S)


def _progress(answer: dict[str, Any], offset: int) -> int:
    """Return how many bytes the answer adds. Raise NodeSaidError if the offset is invalid."""
    following = answer.get("next_offset")
    if not is_run_id(following) or following < offset or (answer["text"] and following == offset):
        raise NodeSaidError(NOT_UNDERSTOOD)
    return following - offset


def write(text: str, stream: TextIO) -> None:
    """Write a log: with escaped control characters on a terminal, unchanged elsewhere."""
    if stream.isatty():
        stream.write(clean(text))
    else:
        stream.flush()
        stream.buffer.write(log_bytes(text))
    stream.flush()


def log_bytes(text: str) -> bytes:
    """Return a log's text as UTF-8, with escapes for text that UTF-8 cannot represent."""
    return text.encode("utf-8", "backslashreplace")
