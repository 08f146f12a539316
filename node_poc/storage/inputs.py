"""Remove the files with a run's token and decrypted input once the run has ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog

from node_poc.runs.model import RunSpec
from node_poc.storage.records import Records, StorageError
from node_poc.storage.trees import opened

log = structlog.get_logger(__name__)


def remove_inputs(folder: Path, spec: RunSpec) -> int:
    """Remove the run's files that the algorithm may not write; keep the file with the result.

    Nothing needs the removed files once the result is written: the record has the run's digest.

    Args:
        folder: the run's own folder.
        spec: the run.

    Returns:
        the number of removed files.
    """
    try:
        with opened(folder) as handle:
            return _remove(handle, spec)
    except OSError as error:
        log.warning("inputs of an ended run not removed", folder=str(folder), error=str(error))
        return 0


def _remove(folder: int, spec: RunSpec) -> int:
    removed = 0
    for file in spec.files:
        if file.writable:
            continue
        try:
            os.unlink(file.name, dir_fd=folder)
            removed += 1
        except FileNotFoundError:
            continue
        except OSError as error:  # do not delay the result; the next start of the node tries again
            log.warning("file of an ended run not removed", file=file.name, error=str(error))
    return removed


def remove_left_inputs(records: Records, going: Callable[[], bool]) -> int:
    """Remove input files of runs with a result which remain after a crash or from an older node.

    Args:
        records: the node's records.
        going: called before each run; False stops, and the next start of the node does the rest.

    Returns:
        the number of removed files.

    Raises:
        StorageError: the runs cannot be listed.
    """
    removed = 0
    for run_id in records.ended_runs():
        if not going():
            break
        try:
            removed += _remove_left(records, run_id)
        except (OSError, StorageError) as error:
            log.warning("files of an ended run not looked for", run_id=run_id, error=str(error))
    return removed


def _remove_left(records: Records, run_id: int) -> int:
    """Remove one run's input files.

    A descriptor keeps hold of the run's own folder, because a new run with the same id may take the
    folder's place meanwhile.
    """
    with opened(records.folder(run_id)) as folder:
        record = records.read_run(run_id)
        has_ended = os.access("result.json", os.F_OK, dir_fd=folder)
        return _remove(folder, record.spec) if record is not None and has_ended else 0
