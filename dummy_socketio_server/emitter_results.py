"""The emitter's command `result`: write a run's result, log and output files into a folder."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from emitter_common import (
    COMPLETED,
    ENDED_OTHERWISE,
    NOT_UNDERSTOOD,
    Asker,
    NodeSaidError,
    asking,
    note,
)
from emitter_logs import log_bytes, log_pieces
from emitter_view import clean
from fetch_plan import MAX_FILE_BYTES, MAX_TOTAL_BYTES, Limits, Plan, Wanted, plan, size
from output_files import FilesError, OutputFolder, Parts
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from wire import is_run_id

RESULT_FILE, LOG_FILE, OUTPUT_FOLDER = ("result.json",), ("log.txt",), "output"
# Seconds before a progress bar appears: a shorter fetch ends before anybody could read the bar.
PATIENCE_S = 2.0
# Stop after this many refused files in a row: the cause is then not a single file.
MOST_REFUSALS = 3


class TooLargeError(NodeSaidError):
    """A file is larger than allowed; the text names the limit."""


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `result`."""
    parser.add_argument("run_id", type=int, metavar="RUN", help="the run's number")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    for option, default, what in (
        ("--max-file-size", MAX_FILE_BYTES, "a larger output file is left out"),
        ("--max-size", MAX_TOTAL_BYTES, "of log and output files together; the rest is left out"),
    ):
        shown = f"{default // 10**6}M"
        text = f"{what}; for example 5G or 512MiB (default {shown})"
        parser.add_argument(option, type=size, default=default, metavar="SIZE", help=text)


def run_result(options: argparse.Namespace) -> int:
    """Write DIR/result.json, DIR/log.txt and the output files below DIR/output."""
    limits = Limits(options.max_file_size, options.max_size)
    with asking(options) as asker:
        question = {"run_id": options.run_id}
        result = asker.ask("result_request", question, "result", dict)["result"]
        folder = OutputFolder(options.output, force=options.force)
        collector = Collector(asker, options.run_id, folder, limits)
        return COMPLETED if collector.collect(result) else ENDED_OTHERWISE


class Collector:
    """Fetch the result, log and output files of an ended run into a folder."""

    def __init__(self, asker: Asker, run_id: int, folder: OutputFolder, limits: Limits) -> None:
        self._asker = asker
        self._run_id = run_id
        self._folder = folder
        self._limits = limits
        self._complete = True
        self._refusals = 0

    def collect(self, result: dict[str, Any]) -> bool:
        """Write all files; return whether the files are complete.

        Raise FilesError if nothing can be written, and the errors of `Asker.ask`.
        """
        planned = plan(result, self._limits)
        self._announce(planned)
        targets = [(OUTPUT_FOLDER, *wanted.parts) for wanted in planned.files]
        self._folder.check_free([RESULT_FILE, LOG_FILE, *targets])
        self._folder.check_room(planned.total_bytes)
        with Bar(planned.total_bytes) as bar:
            with self._folder.writing(RESULT_FILE) as sink:
                sink.write(json.dumps(result, indent=2, default=repr).encode() + b"\n")
                written = sink.tell()
            self._tell(RESULT_FILE, written)
            with self._folder.writing(LOG_FILE) as sink:
                self._write_log(result, sink, bar)
                written = sink.tell()
            self._limits.left -= written
            self._tell(LOG_FILE, written)
            for wanted in planned.files:
                self._bring(wanted, bar)
        return self._complete

    def _announce(self, planned: Plan) -> None:
        """Report before the first fetch which files will be fetched and which will not."""
        count, total = len(planned.files), planned.total_bytes
        files = f"{count:,} output file{'' if count == 1 else 's'} ({total:,} bytes)"
        sys.stdout.write(f"run {self._run_id}: its result, its log and {files}\n")
        sys.stdout.flush()
        self._complete = not planned.left_out
        for text in planned.notes():
            note(text)

    def _write_log(self, result: dict[str, Any], sink: BinaryIO, bar: Bar) -> None:
        """Write the whole log; if the node has dropped the log, write its end from the result."""
        room = min(self._limits.file, self._limits.left)
        if result.get("log_truncated"):
            try:
                for text in log_pieces(self._asker, self._run_id, follow=False):
                    piece = log_bytes(text)
                    if sink.tell() + len(piece) > room:
                        sink.write(piece[: room - sink.tell()])
                        self._miss(f"{LOG_FILE[0]} ends after {room:,} bytes, as the options say")
                        return
                    sink.write(piece)
                    bar.show(LOG_FILE[0], sink.tell())
                return
            except NodeSaidError as error:
                note(f"{LOG_FILE[0]} holds only the end of the log: {error}")
                sink.seek(0)
                sink.truncate()
        sink.write(log_bytes(str(result.get("log") or "")))

    def _bring(self, wanted: Wanted, bar: Bar) -> None:
        parts = (OUTPUT_FOLDER, *wanted.parts)
        question = {"run_id": self._run_id, "path": wanted.path}
        try:
            with self._folder.writing(parts) as sink:
                fetch(
                    *(self._asker, question, sink, self._limits),
                    lambda offset, _: bar.show(wanted.path, offset),
                )
                written = sink.tell()
        except TooLargeError as error:
            self._miss(f"output file {wanted.path!r} {error}: left out")
        except NodeSaidError as error:
            self._refusals += 1
            if self._refusals >= MOST_REFUSALS:
                raise
            self._miss(f"output file {wanted.path!r} is missing: {error}")
        except FilesError as error:
            if error.is_full:
                raise
            self._miss(str(error))
        else:
            self._refusals = 0
            self._limits.left -= written
            self._tell(parts, written)
        bar.next_file()

    def _tell(self, parts: Parts, written: int) -> None:
        path = self._folder.folder.joinpath(*parts)
        sys.stdout.write(f"{clean(path)}  {written:,} bytes\n")

    def _miss(self, why: str) -> None:
        self._complete = False
        note(why)


def fetch(
    asker: Asker,
    file: dict[str, Any],
    sink: BinaryIO,
    limits: Limits,
    progress: Callable[[int, int], None],
) -> None:
    """Write one output file, piece by piece.

    Raises:
        NodeSaidError: as in `Asker.ask`, and if the pieces do not fit together: a file is complete
            or absent.
        TooLargeError: the file is larger than listed, and larger than the limits.
        NoAnswerError: as in `Asker.ask`.
        ServerUnreachableError: as in `Asker.ask`.
    """
    offset, size = 0, None
    while size is None or offset < size:
        answer = asker.ask("output_request", {**file, "offset": offset}, "data", str)
        try:
            data = base64.b64decode(answer["data"], validate=True)
        except ValueError as error:
            raise NodeSaidError(NOT_UNDERSTOOD) from error
        whole, following = answer.get("size"), answer.get("next_offset")
        if not is_run_id(whole) or following != offset + len(data):
            raise NodeSaidError(NOT_UNDERSTOOD)
        if size not in (None, whole) or following > whole or (not data and offset < whole):
            raise NodeSaidError("the file changed while it was read; ask again")
        if (problem := limits.problem(whole)) is not None:
            raise TooLargeError(problem)
        sink.write(data)
        offset, size = offset + len(data), whole
        progress(offset, whole)


class Bar:
    """Show the overall progress on a terminal, once the fetch takes longer than two seconds."""

    def __init__(self, total_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total_bytes
        self._done = self._of_this = 0
        self._clock = clock
        self._begin = clock()
        self._console = Console(stderr=True)
        self._progress: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def next_file(self) -> None:
        """Note that the file shown last is finished."""
        self._done += self._of_this
        self._of_this = 0

    def show(self, path: str, offset: int) -> None:
        """Show how many bytes of a file have been received."""
        self._of_this = 0 if path == LOG_FILE[0] else offset
        if self._clock() - self._begin < PATIENCE_S:
            return
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                *(BarColumn(), DownloadColumn(), TransferSpeedColumn()),
                console=self._console,
                transient=True,
            )
            self._progress.add_task("", total=self._total)
            self._progress.start()
        self._progress.update(
            self._progress.task_ids[0],
            description=clean(path).replace("\n", " "),
            completed=self._done + self._of_this,
        )
