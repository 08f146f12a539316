"""Show the node's runs: summaries in, text out. Pure except for the output stream.

A summary is a node's text about an untrusted run: no value is trusted to have its type, and control
characters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from emitter_view import FAILED, GOOD, NOTE, PLAIN, clean
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS = ("RUN", "STATUS", "POS", "AGE", "STARTED", "ENDED", "IMAGE", "WHY")
FOLDED = ("IMAGE", "WHY")
FOLDED_WIDTH = 20
NOTHING = "-"
ONGOING = ("pending", "initializing", "active")
# Wide enough for any row if the output is a pipe: each run is one line.
PIPE_WIDTH = 4_000
TIMES = ("received", "job_created", "started", "ended")


def moment(value: Any) -> datetime | None:
    """Parse a time of a summary; a time without a zone is UTC."""
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def span(elapsed: timedelta) -> str:
    """Return a time span in its two largest units, such as 3m05s or 2d07h."""
    whole = max(0, int(elapsed.total_seconds()))
    days, hours, minutes, rest = whole // 86400, whole // 3600, whole // 60, whole % 60
    if days:
        return f"{days}d{hours % 24:02d}h"
    if hours:
        return f"{hours}h{minutes % 60:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def clock_time(value: Any, now: datetime) -> str:
    """Return a local time, with the date if the day is not today."""
    at = moment(value)
    if at is None:
        return NOTHING if value is None else line(value)
    same_day = at.date() == now.astimezone().date()
    return f"{at:%H:%M:%S}" if same_day else f"{at:%Y-%m-%d %H:%M}"


def line(value: Any) -> str:
    """Return any value as one line, `-` for no value."""
    # split at every kind of line end that a program may know, not only at newlines
    text = "" if value is None else " ".join(clean(value).splitlines()).replace("\t", " ")
    return text or NOTHING


def cells(summary: dict[str, Any], now: datetime) -> tuple[str, ...]:
    """Return the table row of one run."""
    received = moment(summary.get("received"))
    why = [line(summary[key]) for key in ("cause", "detail") if summary.get(key)]
    return (
        line(summary.get("run_id")),
        line(summary.get("status")),
        line(summary.get("position")),
        span(now - received) if received else NOTHING,
        clock_time(summary.get("started"), now),
        clock_time(summary.get("ended"), now),
        line(summary.get("image")),
        ": ".join(why) or NOTHING,
    )


def colour(status: Any) -> str:
    """Return the style for a run in the given status."""
    if status in ONGOING:
        return PLAIN
    return GOOD if status == "completed" else FAILED


def show_table(runs: Sequence[Any], stream: TextIO, now: datetime) -> None:
    """Print the runs as a table; through a pipe each run is one line."""
    console = _console(stream)
    summaries = [run if isinstance(run, dict) else {} for run in runs]
    rows = [cells(summary, now) for summary in summaries]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        whole = name not in FOLDED
        table.add_column(name, no_wrap=whole, overflow="ignore" if whole else "fold")
    for summary, row in zip(summaries, rows, strict=True):
        texts = [Text(cell) for cell in row]
        texts[1].stylize(colour(summary.get("status")))
        table.add_row(*texts)
    with console.capture() as captured:
        console.print(table, width=max(console.width, narrowest(rows)))
    stream.write("".join(f"{text.rstrip()}\n" for text in captured.get().rstrip("\n").split("\n")))


def details(run: dict[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    """Yield (style, line) pairs with all details of one run."""
    place = run.get("position")
    queue = "" if place is None else f", number {line(place)} in the node's queue"
    status = run.get("status")
    yield colour(status), f"run {line(run.get('run_id'))}: {line(status)}{queue}"
    yield PLAIN, f"    image: {line(run.get('image'))}"
    for key in TIMES:
        at = moment(run.get(key))
        ago = f" ({span(now - at)} ago)" if at else ""
        yield PLAIN, f"    {key.replace('_', ' ')}: {clock_time(run.get(key), now)}{ago}"
    for key in ("cause", "detail", "advice"):
        if run.get(key):
            yield NOTE, f"    {key}: {clean(run[key])}"
    if run.get("ended") is not None:
        delivered = "yes" if run.get("delivered") is True else "no, it still has to reach it"
        yield PLAIN, f"    result is at the server: {delivered}"


def narrowest(rows: Sequence[tuple[str, ...]]) -> int:
    """Return the width below which a table is harder to read than overlong lines."""
    needed = len(FOLDED) * FOLDED_WIDTH
    for place, name in enumerate(COLUMNS):
        if name not in FOLDED:
            needed += max(cell_len(text) for text in (name, *(row[place] for row in rows))) + 2
    return needed


def show_details(run: dict[str, Any], stream: TextIO, now: datetime) -> None:
    """Print all details of one run."""
    console = _console(stream)
    for style, text in details(run, now):
        console.print(text, style=style or None, markup=False, soft_wrap=True)


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, highlight=False, emoji=False, width=width)
