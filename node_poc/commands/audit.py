"""``python -m node_poc audit``: shows and verifies the node's audit trail.

Both commands read the files below ``task_dir``, and therefore run in the node's pod, or on a
machine with the same folder. They change nothing, and work while the node runs or is down.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from node_poc.audit.chain import Entry, Head, parse_head, read_line
from node_poc.audit.verify import Report, verify
from node_poc.cluster.connect import NoClusterError, connect
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.lease_calls import audit_head_on_lease
from node_poc.commands.runs_table import plain
from node_poc.config.model import NodeConfig
from node_poc.storage.audit_files import audit_folder, files_of, stored_lines
from node_poc.storage.records import StorageError

EXIT_CODES = """\
exit codes:
  0  well
  1  verify: a line was changed, dropped, moved or cut; show: the trail cannot be read
  2  wrong usage
  4  verify: all lines are in order, but the cluster did not tell the newest entry: a cut end would
     not show (--offline: do not ask the cluster)
"""
_NO_CLUSTER = 4
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FIELDS_FIRST = ("run", "task")


@dataclass(frozen=True)
class Filter:
    """The entries to show; None: all.

    Attributes:
        run: entries of this run.
        task: entries of this task, and of the runs that the trail knows to belong to the task.
        since: entries from this time on.
    """

    run: int | None = None
    task: int | None = None
    since: datetime | None = None


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment of a duration such as ``2h``, or of an RFC 3339 time; UTC without a zone.

    Raise ValueError for other texts.
    """
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "must be a time such as 2026-01-31T08:00, or a duration: 90m, 2h, 7d"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def show_audit(config: NodeConfig, wanted: Filter, *, as_json: bool, out: TextIO) -> int:
    """Write the entries to ``out``, oldest first, and return the exit code (``EXIT_CODES``).

    ``as_json`` writes the lines as the trail has them.
    """
    folder = audit_folder(Path(config.task_dir))
    runs_of_task: set[object] = set()
    try:
        if not files_of(folder):
            return _fail(
                f"no audit trail in {folder}; run the command where the node's task_dir is"
            )
        for line in stored_lines(folder):
            entry = read_line(line.raw)
            if entry is None:
                print(f"warning: {line.place}: no entry; see audit verify", file=sys.stderr)
            elif _is_wanted(entry, wanted, runs_of_task):
                print(line.raw.decode() if as_json else _in_words(entry), file=out)
    except StorageError as error:
        return _fail(str(error))
    return 0


def _is_wanted(entry: Entry, wanted: Filter, runs_of_task: set[object]) -> bool:
    run = entry.facts.get("run")
    if wanted.task is not None:
        if entry.facts.get("task") == wanted.task:
            runs_of_task.add(run)
        if run not in runs_of_task or run is None:
            return False
    if wanted.run is not None and run != wanted.run:
        return False
    return wanted.since is None or _moment(entry.at) >= wanted.since


def _moment(text: str) -> datetime:
    """Return the time of an entry; the earliest time for a text that is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _in_words(entry: Entry) -> str:
    first = [name for name in _FIELDS_FIRST if name in entry.facts]
    rest = [name for name in entry.facts if name not in first]
    facts = (f"{name}={_value(entry.facts[name])}" for name in [*first, *rest])
    return plain(f"{entry.at} #{entry.n} {entry.event}: {' '.join(facts)}".rstrip(": "))


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text) if " " in text and isinstance(value, str) else text


def verify_audit(
    config: NodeConfig, *, heads: list[Head], context: str | None, offline: bool, out: TextIO
) -> int:
    """Write all findings to ``out``, and return the exit code (``EXIT_CODES``).

    Args:
        config: the node's configuration.
        heads: heads of the trail that a person has kept, for example from the node's log.
        context: the kubeconfig context, used only outside a pod.
        offline: do not ask the cluster for the head that the node keeps there.
        out: receives the findings. Errors go to stderr.
    """
    known = [(f"the head {head.n} given by --head", head) for head in heads]
    trouble = None
    folder = audit_folder(Path(config.task_dir))
    try:
        if not offline:  # before the files are read: the node may write meanwhile
            known += _head_on_lease(config, context)
    except (NoClusterError, ClusterError) as error:
        trouble = str(error)
    except ValueError as error:
        print(f"finding  the Lease's annotation was changed: {error}", file=out)
        return 1
    try:
        report = verify(stored_lines(folder), known)
    except StorageError as error:
        return _fail(str(error))
    return _tell(report, known, trouble, out)


def _head_on_lease(config: NodeConfig, context: str | None) -> Iterator[tuple[str, Head]]:
    settings = config.kubernetes
    text = audit_head_on_lease(connect(context), settings.namespace, settings.node_name)
    if text:
        yield "the node's Lease", parse_head(text)


def _tell(report: Report, known: list[tuple[str, Head]], trouble: str | None, out: TextIO) -> int:
    for note in report.notes:
        print(f"note     {note}", file=out)
    for finding in report.findings:
        print(f"finding  {finding}", file=out)
    if report.findings:
        return 1
    compared = ", ".join(place for place, _ in known) or "nothing: a cut end would not show"
    print(
        f"ok       {report.entries} entries, {report.first} to {report.head.n}; "
        f"compared with {compared}; head {report.head}",
        file=out,
    )
    if trouble is not None:
        print(f"error: the newest entry is not known from the cluster: {trouble}", file=sys.stderr)
        return _NO_CLUSTER
    return 0


def _fail(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 1
