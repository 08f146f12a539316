"""The number of requests of an idle node, counted by the API server itself.

A FlowSchema for the node's ServiceAccount makes the API server count the account's requests apart
from all others. The schema assigns the priority level that the requests have anyway.
"""

from __future__ import annotations

import time

from bench.errors import BenchError
from bench.judging import IDLE_REQUESTS_A_MINUTE, idle_processor_row
from bench.processors import NODE
from bench.station import PATIENCE_SECONDS, BenchStation
from bench.table import Row
from bench.texts import metric_sum

_SCHEMA = "v6-bench-node"
_METRIC = "apiserver_flowcontrol_dispatched_requests_total"
_TELL_SECONDS = 60.0


def idle_rows(station: BenchStation, seconds: float) -> list[Row]:
    """Count for ``seconds``. Raise BenchError if the API server does not count."""
    schema = _flow_schema(station.location.namespace)
    station.cluster.apply(schema)
    try:
        _await_counting(station)
        began, before = time.monotonic(), _count(station)
        with station.meter() as meter:
            while (passed := time.monotonic() - began) < seconds:
                time.sleep(min(_TELL_SECONDS, seconds - passed))
                station.tell(f"idle: {time.monotonic() - began:.0f} of {seconds:.0f} s")
        requests = _count(station) - before
        passed = time.monotonic() - began
    finally:
        station.cluster.delete(schema)
    note = f"{requests:.0f} requests in {passed:.0f} s, counted by the API server"
    what = "API requests of an idle node"
    return [
        Row(what, 60 * requests / passed, "/min", IDLE_REQUESTS_A_MINUTE, note),
        idle_processor_row(meter.seconds, passed, (NODE,), None),
    ]


def _count(station: BenchStation) -> float:
    return metric_sum(station.kube.text("/metrics"), _METRIC, flow_schema=_SCHEMA)


def _await_counting(station: BenchStation) -> None:
    """Wait for the first counted request: the node renews its Lease all the time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while _count(station) == 0:
        if time.monotonic() > end:
            raise BenchError(f"the API server counts no request for FlowSchema {_SCHEMA}")
        time.sleep(1)


def _flow_schema(namespace: str) -> dict[str, object]:
    account = {"name": "v6-node", "namespace": namespace}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    elsewhere = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": _SCHEMA},
        "spec": {
            "priorityLevelConfiguration": {"name": "workload-low"},
            # Before Kubernetes' own schemas, which would match as well.
            "matchingPrecedence": 100,
            "rules": [
                {
                    "subjects": [{"kind": "ServiceAccount", "serviceAccount": account}],
                    "resourceRules": [everything | {"clusterScope": True}],
                    "nonResourceRules": [elsewhere],
                }
            ],
        },
    }
