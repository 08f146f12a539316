"""Measure the node against a bare Kubernetes client, on the cluster in use.

Series: single and burst (time to a result), idle (API requests), crowd (restart and memory with
many runs known), protections (a run with and without each of them). Needs the cluster and its
images: `make bench` brings both. See docs/dev/bench.md.

Exit codes: 0 measured, whether goals were met or not; 1 something could not be measured; 2 usage;
3 a goal was missed, with --strict; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from bench.errors import BenchError
from bench.judging import burst_rows, processor_rows, single_rows
from bench.series_crowd import crowd_rows
from bench.series_idle import idle_rows
from bench.series_protections import protection_rows
from bench.series_runs import bursts, single_runs
from bench.station import BenchStation, bench_station
from bench.table import Row, lines_of, missed, written

# Longer than a watch lasts (240 s), so that the restart of a watch is counted as well.
_IDLE_SECONDS = 250.0
_BURSTS_PER_RUNS = 10
_BEGAN = time.monotonic()


def tell(text: str) -> None:
    """Show progress on standard error, apart from the results."""
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


class Bench:
    """The series in their order of measurement, with their results."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Take the parsed ``options``."""
        self._runs: int = options.runs
        self._only: list[str] = options.only or []
        self.samples: dict[str, Any] = {}
        self.rows: dict[str, list[Row]] = {}
        self.loads: dict[str, float] = {}

    def series(self) -> dict[str, Callable[[BenchStation], list[Row]]]:
        """Return the series' names and functions."""
        return {
            "single": self._single,
            "burst": self._burst,
            "idle": lambda station: idle_rows(station, _IDLE_SECONDS),
            "crowd": crowd_rows,
            "protections": lambda station: protection_rows(station, self._runs // 2),
        }

    def measure(self, station: BenchStation, name: str) -> None:
        """Measure one series."""
        self.loads[name] = os.getloadavg()[0]
        tell(f"{name}: begins; load average {self.loads[name]:.2f}")
        station.clear()
        self.rows[name] = self.series()[name](station)

    def _single(self, station: BenchStation) -> list[Row]:
        runs = single_runs(station, self._runs)
        self.samples["single"] = [asdict(run) for run in runs]
        return single_rows(runs)

    def _burst(self, station: BenchStation) -> list[Row]:
        rounds, used = bursts(station, max(2, self._runs // _BURSTS_PER_RUNS))
        self.samples["burst"] = [[asdict(run) for run in burst] for burst in rounds]
        rows = burst_rows(rounds)
        for who, seconds in used.items():
            runs = sum(len(burst) for burst in rounds if burst[0].who is who)
            rows += processor_rows(f"{who} in a burst", seconds, runs)
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return all measurements."""
        return {
            "load_average_before": self.loads,
            "rows": {
                name: [asdict(row) | {"verdict": row.verdict} for row in rows]
                for name, rows in self.rows.items()
            },
            "samples": self.samples,
        }

    def show(self) -> None:
        """Print the tables."""
        for name, rows in self.rows.items():
            title = f"{name} (load average before: {self.loads[name]:.2f})"
            print("\n" + "\n".join(lines_of(title, rows)))
        late = missed([row for rows in self.rows.values() for row in rows])
        print()
        for row in late:
            goal = written(row.goal or 0.0, row.unit)
            print(f"MISSED  {row.what}: {written(row.figure, row.unit)}, goal {goal}")
        if self.rows and not late:
            print("all goals met")
        only = "".join(f" --only {name}" for name in self._only)
        print(f'to measure again: make bench ARGS="--runs {self._runs}{only}"')


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=_runs, default=50, help="of each, one at a time (50)")
    names = list(Bench(argparse.Namespace(runs=0, only=None)).series())
    parser.add_argument("--only", choices=names, action="append", help="may be given repeatedly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there as well")
    parser.add_argument("--keep", action="store_true", help="leave namespace and folders in place")
    parser.add_argument("--strict", action="store_true", help="exit code 3 if a goal was missed")
    return parser.parse_args(arguments)


def _runs(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("at least 2; 30 or more for figures that mean something")
    return number


def _interrupt(_: int, __: FrameType | None) -> None:
    # Only once: a second Ctrl-C must not cut the removal short.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    bench = Bench(options)
    code = 0
    try:
        with bench_station(tell, keep=options.keep) as station:
            for name in bench.series():
                if not options.only or name in options.only:
                    bench.measure(station, name)
    except KeyboardInterrupt:
        tell("stopped; what was measured so far follows")
        code = 130
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    bench.show()
    if options.json:
        with suppress(BrokenPipeError):
            options.json.write_text(json.dumps(bench.to_json(), indent=1), encoding="utf-8")
    late = missed([row for rows in bench.rows.values() for row in rows])
    return code or (3 if options.strict and late else 0)


if __name__ == "__main__":
    sys.exit(main())
