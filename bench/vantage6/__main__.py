"""Measure the node with a real vantage6 server and client, on the cluster in use.

Series: single and burst (beside a raw Kubernetes client), idle (processor time), central (a
central function with subtasks), kill, restart. Needs the cluster and its images: `make
bench-vantage6` brings both. See docs/dev/bench.md.

Exit codes: 0 measured, whether goals were met or not; 1 something could not be measured; 2 usage;
3 a goal was missed, with --strict; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bench.__main__ import tell
from bench.errors import BenchError
from bench.kube import Kube
from bench.processes import container_processes
from bench.processors import NODE, PROXY, Meter, Pods
from bench.sightings import Sightings
from bench.table import Row, lines_of, missed
from bench.vantage6.beside_raw import BesideRaw
from bench.vantage6.raw_client import RawClient
from bench.vantage6.request_log import RequestLog
from bench.vantage6.series import Series
from devserver import Client, DevServerError, Options
from devstation import (
    PLAIN,
    Cluster,
    Federation,
    Location,
    StationError,
    own_home,
    wait_for_verdict,
)
from node_poc.config.kubernetes import Kubernetes
from node_poc.manifests.identity import (
    COMPONENT_NODE,
    COMPONENT_PROXY,
    LABEL_COMPONENT,
    LABEL_NODE,
    Identity,
)

_NAMESPACE = "v6-bench-fed"
_NAMES = ("single", "burst", "idle", "central", "kill", "restart")
# Longer than the pauses between the node's requests to the server, to include some of each kind.
_IDLE_SECONDS = 180.0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m bench.vantage6",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=20, help="one at a time (20)")
    parser.add_argument("--only", choices=_NAMES, action="append", help="may be given repeatedly")
    parser.add_argument(
        "--idle", type=float, default=_IDLE_SECONDS, metavar="SECONDS", help="for idle (180)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--strict", action="store_true", help="exit code 3 if a goal was missed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        federation = _federation()
    except StationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows: dict[str, list[Row]] = {}
    code = 0
    try:
        tell(f"a vantage6 server and two stations of its own: namespace {_NAMESPACE}")
        federation.remove()
        federation.start_server(tell)
        federation.place_data(PLAIN)
        for station in PLAIN:
            federation.deploy(station)
        federation.wait_ready()
        tell("waiting for the nodes' first self-tests")
        for station in PLAIN:
            wait_for_verdict(federation.tasks(station))
        client = federation.world.client("admin")
        series = Series(federation, PLAIN[0], client, tell)
        beside = _beside(federation, series, client)
        for name, measure in _measures(series, beside, options).items():
            if not options.only or name in options.only:
                tell(f"{name}: begins; load average {os.getloadavg()[0]:.2f}")
                rows[name] = measure()
        client.close()
    except KeyboardInterrupt:
        tell("stopped; what was measured so far follows")
        code = 130
    except (BenchError, StationError, DevServerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    finally:
        tell("taking the stations away")
        with suppress(StationError):
            federation.remove()
    return code or _show(rows, options)


def _federation() -> Federation:
    """Return the federation; its stations have the default processor request of users' nodes."""
    location = Location(_NAMESPACE, own_home("bench-fed"), 7665)
    request = Kubernetes().node_cpu_request
    federation = Federation(Cluster(), location, node_cpu_request=request)
    federation.server.options = Options(notes_requests=True)
    return federation


def _beside(federation: Federation, series: Series, client: Client) -> BesideRaw:
    """Return the comparison with the raw client, with the meters of processor time and requests."""
    station, namespace = PLAIN[0], federation.location.namespace
    cluster = federation.cluster
    kube = Kube(cluster.settings.get("KUBECONFIG"), cluster.context)
    seen = Sightings(kube, namespace)
    seen.start()
    raw = RawClient(federation, station, kube, seen)
    label = Identity(station.name).node_label
    pods = {}
    for part, component in ((NODE, COMPONENT_NODE), (PROXY, COMPONENT_PROXY)):
        selector = f"{LABEL_COMPONENT}%3D{component},{LABEL_NODE}%3D{label}"
        found = kube.read(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        (pod,) = found["items"]
        pods[part] = container_processes(pod["metadata"]["uid"])[0]
    own = {os.getpid(): "bench", client.pid: "client", federation.server.pid or 0: "server"}
    node_id = int(federation.world.node(station.collaboration, station.organization)["id"])
    return BesideRaw(
        series,
        raw,
        cluster.image("v6_test_algorithm"),
        lambda: Meter(Pods(pods), own),
        lambda: RequestLog(federation.server.requests_file, node_id),
    )


def _measures(
    series: Series, beside: BesideRaw, options: argparse.Namespace
) -> dict[str, Callable[[], list[Row]]]:
    runs: int = options.runs
    return {
        "single": lambda: beside.single(runs),
        "burst": lambda: beside.burst(max(2, runs // 6)),
        "idle": lambda: beside.idle(options.idle),
        "central": lambda: series.central(max(2, runs // 2)),
        "kill": lambda: series.kill(max(2, runs // 2)),
        "restart": series.restart,
    }


def _show(rows: dict[str, list[Row]], options: argparse.Namespace) -> int:
    for name, found in rows.items():
        print("\n" + "\n".join(lines_of(name, found)))
    if options.json:
        data = {name: [asdict(row) for row in found] for name, found in rows.items()}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    late = missed([row for found in rows.values() for row in found])
    for row in late:
        print(f"MISSED  {row.what}")
    return 3 if options.strict and late else 0


if __name__ == "__main__":
    sys.exit(main())
