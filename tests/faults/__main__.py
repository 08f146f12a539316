"""`python -m tests.faults`: the fault matrix on the real dev cluster, as `make faults` runs it.

Exit codes: 0 each run of each fault ended right; 1 a run was lost, doubled or wrong, or a fault
could not be shown; 2 wrong usage; 130 Ctrl-C. The station is removed in any case.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from devcluster.errors import DevClusterError
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.matrix import Row, Verdict
from tests.faults.matrix_run import MatrixRun
from tests.faults.table import as_json, as_text

_RUNS, _QUICK_RUNS = 28, 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = [f for f in FAULTS if f.name in options.only or not options.only]
    if options.quick and not options.only:
        chosen = [f for f in chosen if f.in_sample]
    folder = Path(tempfile.mkdtemp(prefix="v6-faults-"))
    rows: list[Row] = []
    try:
        _carry_out(chosen, options, folder, rows)
    except KeyboardInterrupt:
        _say("stopped; the station is removed")
        return 130
    except DevClusterError as error:
        _say(f"error: {error}")
        return 1
    finally:
        if rows:
            sys.stdout.write("\n" + as_text(rows))
        if options.json:
            options.json.write_text(json.dumps(as_json(rows), indent=1) + "\n")
    good = len(rows) == len(chosen) and all(row.is_good for row in rows)
    if not good:
        _say(f"NOT every run ended right; logs: {folder}")
        return 1
    shutil.rmtree(folder)
    _say("every run ended right")
    return 0


def _carry_out(
    chosen: Sequence[Fault], options: argparse.Namespace, folder: Path, rows: list[Row]
) -> None:
    with MatrixRun(folder) as matrix:
        for number, fault in enumerate(chosen, 1):
            _say(f"[{number}/{len(chosen)}] {fault.title} ...")
            row = matrix.strike(fault, options.runs, hurry=options.quick)
            rows.append(row)
            counts = ", ".join(f"{row.counts[verdict]} {verdict}" for verdict in reversed(Verdict))
            _say(f"    {row.sent} runs: {counts} ({row.seconds:.0f} s); {row.struck}")
            if len(row.ends) > 1:
                _say(f"    ends: {', '.join(f'{n} {end}' for end, n in row.ends.items())}")
            for trouble in row.trouble:
                _say(f"    ! {trouble}")
        matrix.look_back()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Treat a data station badly and count what becomes of its runs.",
        epilog="Faults: " + ", ".join(fault.name for fault in FAULTS),
    )
    names = [fault.name for fault in FAULTS]
    parser.add_argument(
        "--only", action="append", default=[], choices=names, metavar="NAME",
        help="only this fault; may be given more than once",
    )  # fmt: skip
    parser.add_argument("--runs", type=_count, metavar="N", help=f"runs a fault (default {_RUNS})")
    parser.add_argument(
        "--quick", action="store_true", help=f"the sample: {_QUICK_RUNS} runs, shorter outages"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    options = parser.parse_args(arguments)
    options.runs = options.runs or (_QUICK_RUNS if options.quick else _RUNS)
    return options


def _count(text: str) -> int:
    count = int(text)
    if count < 3:
        raise argparse.ArgumentTypeError("at least 3: some before, some in, some after the fault")
    return count


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
