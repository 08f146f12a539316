"""The proof of concept's algorithm: the average of a csv column, and a report of the isolation.

    app.py CSV COLUMN OUTPUT [SECONDS]

Writes the average of COLUMN in CSV to OUTPUT, then stays SECONDS (for a look into the pod).
Environment: INTERNET_PROBE and PROXY_ADDRESS (host:port), DNS_PROBE (name); set in the image.

Exit codes: 0 done, 2 usage, 3 csv missing or unreadable, 4 no such column, 5 a value is not a
number, 6 no value in the column, 7 output not writable, 143 ended by SIGTERM.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import probes
from average import (
    Average,
    AverageError,
    ColumnMissingError,
    NotCsvError,
    NotNumericError,
    NoValueError,
    average_of_column,
)

USAGE, CSV_UNREADABLE, OUTPUT_NOT_WRITABLE, TERMINATED = 2, 3, 7, 128 + signal.SIGTERM
EXIT_CODES: dict[type[AverageError], int] = {
    NotCsvError: CSV_UNREADABLE,
    ColumnMissingError: 4,
    NotNumericError: 5,
    NoValueError: 6,
}
LONGEST_STAY_S = 7 * 24 * 3600.0


class AppError(Exception):
    """The run cannot continue. Carries the exit code; the text names cause and remedy."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Arguments:
    """The command line. stay_s: how long to stay after the work, in seconds."""

    csv: Path
    column: str
    output: Path
    stay_s: float


def parse(argv: Sequence[str]) -> Arguments:
    """Check the command line. Raise AppError."""
    if not 3 <= len(argv) <= 4 or not all(argv):
        raise AppError(
            USAGE,
            f"{len(argv)} arguments given. Remedy: give CSV COLUMN OUTPUT [SECONDS], for example "
            "/app/input/csv/default Age /app/output/avg.txt",
        )
    try:
        stay_s = float(argv[3]) if len(argv) == 4 else 0.0
    except ValueError:
        stay_s = math.nan
    if not 0 <= stay_s <= LONGEST_STAY_S:  # also false for NaN
        raise AppError(
            USAGE,
            f"SECONDS is not a number from 0 to {LONGEST_STAY_S:g}. Remedy: leave it out, or give "
            "for example 300",
        )
    return Arguments(Path(argv[0]), argv[1], Path(argv[2]), stay_s)


def report_isolation() -> None:
    """Print the three lines about the network; takes two seconds if no network is reachable."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        # outbound access goes first: the aim is that not even the first packet gets out
        checks = (probes.outbound_line, probes.proxy_line, probes.dns_line)
        for line in [pool.submit(check, os.environ) for check in checks]:
            say(line.result())


def read_average(path: Path, column: str) -> Average:
    """Compute the average from a file. Raise AppError."""
    try:
        # -sig: Excel starts a UTF-8 file with a byte order mark, which would join the first name
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return average_of_column(stream, column)
    except AverageError as error:
        raise AppError(EXIT_CODES[type(error)], str(error)) from error
    except UnicodeDecodeError as error:
        text = f"{path} is not UTF-8 text. Remedy: save it as UTF-8."
        raise AppError(CSV_UNREADABLE, text) from error
    except (OSError, ValueError) as error:
        text = (
            f"cannot read {path} ({probes.why(error)}). Remedy: a database is there only if the "
            "run asks for its label; its file must be readable for user 10001."
        )
        raise AppError(CSV_UNREADABLE, text) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that readers see the whole file or none. Raise AppError."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file readable for the owner only; the node reads as another user
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except (OSError, ValueError) as error:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
        raise AppError(
            OUTPUT_NOT_WRITABLE,
            f"cannot write {path} ({probes.why(error)}). Remedy: write below /app/output, and "
            "check its free space and that user 10001 may write there.",
        ) from error


def say(line: str) -> None:
    """Print one line at once, so that a followed log shows the line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def on_sigterm(_number: int, _frame: FrameType | None) -> None:
    """Exit at once: without a handler, process 1 of a container ignores SIGTERM."""
    os._exit(TERMINATED)


def work(argv: Sequence[str]) -> None:
    """Do the whole run. Raise AppError."""
    say(f"start: average of a column, {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")
    report_isolation()
    arguments = parse(argv)
    average = read_average(arguments.csv, arguments.column)
    counts = f"{average.rows} rows, {average.values} values, {average.missing} missing"
    say(f"read: {arguments.csv}: {counts}")
    say(f"average of {arguments.column}: {average.mean!r}")
    write_atomically(arguments.output, f"{average.mean!r}\n")
    say(f"output file: {arguments.output}")
    if arguments.stay_s:
        say(f"staying for {arguments.stay_s:g} s")
        threading.Event().wait(arguments.stay_s)
    say("end")


def main(argv: Sequence[str]) -> int:
    """Run the algorithm; return the exit code."""
    signal.signal(signal.SIGTERM, on_sigterm)
    if argv and argv[0] in ("-h", "--help"):
        say(__doc__ or "")
        return 0
    try:
        work(argv)
    except AppError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
