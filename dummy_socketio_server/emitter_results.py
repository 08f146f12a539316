"""The emitter's command `result`: a run's result, its log and its output files, into a folder."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterator
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
from output_files import FilesError, OutputFolder, Parts, parts_of
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from wire import is_run_id

RESULT_FILE, LOG_FILE, OUTPUT_FOLDER = ("result.json",), ("log.txt",), "output"
# Smaller files are there before anybody could read a progress bar.
BIG_BYTES = 4_000_000
# So many files refused by the node in a row: it is not about the files.
MOST_REFUSALS = 3


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `result`."""
    parser.add_argument("run_id", type=int, metavar="RUN", help="the run's number")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")


def run_result(options: argparse.Namespace) -> int:
    """Write DIR/result.json, DIR/log.txt and the output files below DIR/output."""
    with asking(options) as asker:
        question = {"run_id": options.run_id}
        result = asker.ask("result_request", question, "result", dict)["result"]
        collector = Collector(
            asker, options.run_id, OutputFolder(options.output, force=options.force)
        )
        return COMPLETED if collector.collect(result) else ENDED_OTHERWISE


class Collector:
    """Brings what belongs to one ended run into a folder."""

    def __init__(self, asker: Asker, run_id: int, folder: OutputFolder) -> None:
        self._asker = asker
        self._run_id = run_id
        self._folder = folder
        self._complete = True
        self._refusals = 0

    def collect(self, result: dict[str, Any]) -> bool:
        """Write everything; tells whether nothing is missing.

        Raises FilesError where nothing can be written, and what asking raises.
        """
        files = list(self._listed(result))
        self._folder.check_free([RESULT_FILE, LOG_FILE, *(parts for _, parts in files)])
        with self._folder.writing(RESULT_FILE) as sink:
            sink.write(json.dumps(result, indent=2, default=repr).encode() + b"\n")
        self._tell(RESULT_FILE)
        with self._folder.writing(LOG_FILE) as sink:
            self._write_log(result, sink)
        self._tell(LOG_FILE)
        for path, parts in files:
            self._bring(path, parts)
        return self._complete

    def _listed(self, result: dict[str, Any]) -> Iterator[tuple[str, Parts]]:
        listed = result.get("output")
        seen = set()
        for item in listed if isinstance(listed, list) else []:
            path = item.get("path") if isinstance(item, dict) else item
            try:
                parts = parts_of(path)
            except FilesError as error:
                self._miss(f"output file {error}: left out")
                continue
            if parts not in seen:
                seen.add(parts)
                yield "/".join(parts), (OUTPUT_FOLDER, *parts)
        if result.get("output_truncated"):
            self._miss("the run wrote more files than the node lists: the rest is left out")

    def _write_log(self, result: dict[str, Any], sink: BinaryIO) -> None:
        """Write the whole log; if the node has it no more, the end that is in the result."""
        if result.get("log_truncated"):
            try:
                for text in log_pieces(self._asker, self._run_id, follow=False):
                    sink.write(log_bytes(text))
                return
            except NodeSaidError as error:
                note(f"{LOG_FILE[0]} holds only the end of the log: {error}")
                sink.seek(0)
                sink.truncate()
        sink.write(log_bytes(str(result.get("log") or "")))

    def _bring(self, path: str, parts: Parts) -> None:
        try:
            with self._folder.writing(parts) as sink, Bar(path) as bar:
                fetch(self._asker, {"run_id": self._run_id, "path": path}, sink, bar.show)
        except NodeSaidError as error:
            self._refusals += 1
            if self._refusals >= MOST_REFUSALS:
                raise
            self._miss(f"output file {path!r} is missing: {error}")
        except FilesError as error:
            if error.is_full:
                raise
            self._miss(str(error))
        else:
            self._refusals = 0
            self._tell(parts)

    def _tell(self, parts: Parts) -> None:
        path = self._folder.folder.joinpath(*parts)
        sys.stdout.write(f"{clean(path)}  {path.lstat().st_size:,} bytes\n")

    def _miss(self, why: str) -> None:
        self._complete = False
        note(why)


def fetch(
    asker: Asker, file: dict[str, Any], sink: BinaryIO, progress: Callable[[int, int], None]
) -> None:
    """Write one output file, piece by piece. Raises what asking raises.

    NodeSaidError too for pieces that do not fit together, so a file is whole or not there.
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
        sink.write(data)
        offset, size = offset + len(data), whole
        progress(offset, whole)


class Bar:
    """Shows on a terminal how far a big file is."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._console = Console(stderr=True)
        self._progress: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, offset: int, size: int) -> None:
        """Show that so much of the file is here."""
        if size < BIG_BYTES or not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                *(BarColumn(), DownloadColumn(), TransferSpeedColumn()),
                console=self._console,
                transient=True,
            )
            self._progress.add_task(clean(self._path).replace("\n", " "), total=size)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=offset)
