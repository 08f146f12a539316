"""Record the Jobs, pods and Events of failing runs on the cluster for tests/wire; see its README.

    RECORD_WIRE=1 .venv/bin/pytest -m cluster tests/cluster/test_failures_*.py

The recorder is off unless RECORD_WIRE is set. Facts about this machine (addresses, folders, names
of cluster nodes) are replaced by stand-in names; the unit tests check that no message to
researchers has any of these names.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

from devstation import ROOT
from node_poc.cluster.connect import connect
from node_poc.cluster.watch import Changed, Listed, Watcher, WatchUpdate
from node_poc.manifests import identity
from tests.cluster.station import HOME, NAMESPACE

WIRE = ROOT / "tests" / "wire"
# The expected failure of each run, by run id; the tests fill this dictionary.
RUNS: dict[int, str] = {}
_PATHS = {"pod": "/api/v1/pods", "job": "/apis/batch/v1/jobs", "event": "/api/v1/events"}
_METADATA = ("name", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_CONDITION = ("type", "status", "reason", "message")
_EVENT = ("reason", "message", "firstTimestamp", "lastTimestamp", "eventTime", "series", "count")
Object = dict[str, Any]


class WireRecorder:
    """Watch pods, Jobs and Events of the whole cluster until ``save``."""

    def __init__(self) -> None:
        self._api = connect(None)
        self._lock = threading.Lock()
        self._seen: list[tuple[float, str, Object, bool]] = []
        self._watchers = [
            Watcher(self._api, path, "", lambda seen, kind=kind: self._take(kind, seen))
            for kind, path in _PATHS.items()
        ]

    def start(self) -> None:
        for watcher in self._watchers:
            watcher.start()

    def _take(self, kind: str, seen: WatchUpdate) -> None:
        now = time.monotonic()
        with self._lock:
            match seen:
                case Changed(object=made, gone=gone):
                    self._seen.append((now, kind, made, gone))
                case Listed(objects=objects):
                    self._seen += [(now, kind, made, False) for made in objects]

    def save(self) -> None:
        """Write a file for each run with a name."""
        time.sleep(1)
        for watcher in self._watchers:
            watcher.stop()
        for run_id, name in RUNS.items():
            history = self._history(run_id)
            if history:
                lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in history)
                (WIRE / f"{name}.json").write_text(f"[\n{_cleaned(lines, run_id)}\n]\n")

    def _history(self, run_id: int) -> list[Object]:
        history: list[Object] = []
        begin = None
        for at, kind, made, gone in self._seen:
            if not _is_of(kind, made, run_id) or (gone and kind == "event"):
                continue
            begin = at if begin is None else begin
            entry = {"kind": kind, "gone": gone, "object": _SMALL[kind](made)}
            same = [e for e in history if e["kind"] == kind]
            if kind == "event" or not same or {**same[-1], "at": 0} != {**entry, "at": 0}:
                history.append({"at": round(at - begin, 1), **entry})
        return history


def _is_of(kind: str, made: Object, run_id: int) -> bool:
    if kind == "event":
        name = str(made["involvedObject"].get("name", ""))
        return f"-run-{run_id}" in name and made["involvedObject"]["kind"] in {"Pod", "Job"}
    return identity.run_id_of(made["metadata"].get("labels") or {}) == run_id


def _metadata(made: Object) -> Object:
    metadata = {key: made["metadata"][key] for key in _METADATA if made["metadata"].get(key)}
    run_id = made["metadata"]["labels"][identity.LABEL_RUN]
    return metadata | {"labels": {identity.LABEL_RUN: run_id}}


def _conditions(made: Object) -> list[Object]:
    conditions = (made.get("status") or {}).get("conditions") or []
    return [{key: c[key] for key in _CONDITION if c.get(key)} for c in conditions]


def _small_pod(pod: Object) -> Object:
    status = pod.get("status") or {}
    small = {key: status[key] for key in ("phase", "reason", "message") if status.get(key)}
    containers = [
        {"name": c["name"], "state": _without_ids(c["state"])}
        for c in status.get("containerStatuses") or []
    ]
    small |= {"conditions": _conditions(pod), "containerStatuses": containers}
    node = (pod.get("spec") or {}).get("nodeName")
    spec = {"nodeName": node} if node else {}
    return {"metadata": _metadata(pod), "spec": spec, "status": small}


def _without_ids(state: Object) -> Object:
    return {
        word: {key: value for key, value in details.items() if key != "containerID"}
        for word, details in state.items()
    }


def _small_job(job: Object) -> Object:
    return {"metadata": _metadata(job), "status": {"conditions": _conditions(job)}}


def _small_event(event: Object) -> Object:
    about = {key: event["involvedObject"].get(key, "") for key in ("kind", "name")}
    small = {key: event[key] for key in _EVENT if event.get(key)}
    created = event["metadata"].get("creationTimestamp")
    return {"involvedObject": about, "metadata": {"creationTimestamp": created}, **small}


_SMALL = {"pod": _small_pod, "job": _small_job, "event": _small_event}


def _cleaned(text: str, run_id: int) -> str:
    """Replace names of this machine by stand-in names."""
    text = re.sub(rf"{re.escape(str(HOME))}[a-z-]*", "/srv/station", text)
    text = re.sub(r"/var/lib/v6-devcluster/\w+/\w+", "/srv/machine", text)
    text = re.sub(rf"{NAMESPACE}[a-z-]*-[0-9a-f]{{8}}-run-", "v6-node-run-", text)
    text = re.sub(r"v6-node-[0-9a-f]{8}-run-", "v6-node-run-", text)
    text = re.sub(rf"{NAMESPACE}[a-z-]*", "v6-jobs", text)
    text = text.replace(str(run_id), "7")
    text = re.sub(r"\b(?:10|172|198)\.\d+\.\d+\.\d+\b", "192.0.2.7", text)
    return re.sub(r"\bnode(\d)\b", r"cluster-node-\1", text)
