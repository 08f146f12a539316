"""What a run was given in files, its token and its decrypted input, goes when the run has ended."""

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
    """Remove the files that a run was given and may not write; the one with its result stays.

    Nothing needs them once the result is written: the run's digest stands in its record.

    Args:
        folder: the run's own folder.
        spec: the run.

    Returns:
        how many were there.
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
        except OSError as error:  # the result must not wait for it; the next start tries again
            log.warning("file of an ended run not removed", file=file.name, error=str(error))
    return removed


def remove_left_inputs(records: Records, going: Callable[[], bool]) -> int:
    """Remove what a crash, or an older node, left of the files of runs that have a result.

    Args:
        records: of the node.
        going: asked before each run; False: the next start does the rest.

    Returns:
        how many files were there.

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
    """By a descriptor: the folder may make way meanwhile for another run of its number."""
    with opened(records.folder(run_id)) as folder:
        record = records.read_run(run_id)
        has_ended = os.access("result.json", os.F_OK, dir_fd=folder)
        return _remove(folder, record.spec) if record is not None and has_ended else 0
