"""What the audit trail costs a run: the time to write the two entries for which a run waits.

No setting switches the trail off, so there is no run without it. The bench writes the entries of a
run of the measured node again, with the node's own code, into a trail on the same disk.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from node_poc.audit.chain import Entry, read_line
from node_poc.audit.events import Event
from node_poc.storage.audit_files import AuditFiles, audit_folder, stored_lines
from node_poc.storage.audit_trail import AuditTrail
from node_poc.storage.records import StorageError

#: The entries for which the node waits before a run goes on.
_AWAITED = (Event.RUN_STARTED, Event.RUN_ENDED)
_MEGABYTES = 16


def seconds_of_runs(task_dir: Path, count: int) -> list[float]:
    """Return how long the awaited entries of each of ``count`` runs take. Raise BenchError.

    ``task_dir`` is that of a node that has carried out a run; the trail is made beside it.
    """
    try:
        facts = _last_facts(task_dir)
        folder = Path(tempfile.mkdtemp(prefix="bench-audit-", dir=task_dir.parent))
        audit_folder(folder).parent.mkdir()
    except (OSError, StorageError) as error:
        raise BenchError(f"the audit trail: {error}") from error
    trail = AuditTrail(AuditFiles(folder, _MEGABYTES))
    trail.start("")
    try:
        return [_write(trail, facts) for _ in range(1 + count)][1:]  # the first makes the file
    except StorageError as error:
        raise BenchError(str(error)) from error
    finally:
        trail.stop(1.0)
        shutil.rmtree(folder, ignore_errors=True)


def _last_facts(task_dir: Path) -> dict[Event, dict[str, Any]]:
    entries = (read_line(line.raw) for line in stored_lines(audit_folder(task_dir)))
    found: dict[str, Entry] = {entry.event: entry for entry in entries if entry is not None}
    if missing := [event for event in _AWAITED if event not in found]:
        raise BenchError(f"the node's audit trail has no entry {missing[0].value!r}")
    return {event: dict(found[event].facts) for event in _AWAITED}


def _write(trail: AuditTrail, facts: dict[Event, dict[str, Any]]) -> float:
    began = time.perf_counter()
    for event in _AWAITED:
        trail.note_safely(event, facts[event])
    return time.perf_counter() - began
