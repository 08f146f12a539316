"""``python -m demo vantage6``: a central function on a vantage6 server, plain and encrypted."""

from __future__ import annotations

import json
import time
from typing import Any

from demo.errors import DemoError
from demo.report import Check, average_of
from demo.steps import make_cluster, make_images, step, tell
from devserver import Client, DevServerError, ensure
from devstation import ENCRYPTED, PLAIN, ROOT, Cluster, Federation, Location
from devstation.location import USERS_HOME

LOCATION = Location("v6-federation", USERS_HOME.with_name("vantage6-node-federation"), 7601)
_COLUMN = "Age"
_SECONDS = 300.0
_LOOK_SECONDS = 0.25
_ONLY = ("v6_node_poc", "v6_federated_average")


def up() -> int:
    """Set up the missing parts, and compute the average of two organizations, twice."""
    try:
        with step("what the vantage6 server runs in"):  # first, because its Python may be missing
            ensure(tell)
        cluster = Cluster()
        make_cluster(cluster)
        federation = Federation(cluster, LOCATION)
        make_images(_ONLY)
        with step("a vantage6 server with two organizations and two collaborations"):
            federation.leave_server()
        stations = (*PLAIN, *ENCRYPTED)
        with step("the data: each organization has a part of the example's rows"):
            federation.place_data(stations)
        with step("four nodes on one cluster, one for each organization in each collaboration"):
            for station in stations:
                config = federation.config(station)
                # Forty pods of four nodes' first self-tests would keep a small machine busy for
                # minutes. Each run waits behind its gate instead.
                config["kubernetes"]["walls"] = {"self_test_hours": None}
                federation.deploy(station, config)
                tell(station.name)
            federation.wait_ready()
        checks = [check for name in ("plain", "encrypted") for check in _average(federation, name)]
    except DevServerError as error:
        raise DemoError(str(error)) from error
    print("\nChecks")
    for check in checks:
        print(f"    {'ok   ' if check.passed else 'WRONG'}  {check.what}: {check.seen}")
    _show_more(federation)
    return 0 if all(check.passed for check in checks) else 1


def down() -> int:
    """Remove everything that ``up`` made, except for the cluster and the images."""
    with step("the vantage6 server, the nodes and their folders"):
        Federation(Cluster(), LOCATION).remove()
    return 0


def _average(federation: Federation, collaboration: str) -> list[Check]:
    world = federation.world
    with step(f"the central function in the {collaboration} collaboration"):
        user = world.client("researcher", encrypted=collaboration == "encrypted")
        try:
            organizations = [world.organization(name) for name in ("alpha", "beta")]
            arguments = {"column_name": _COLUMN, "organizations": organizations}
            made = user.submit(
                world.collaboration(collaboration),
                [world.organization("alpha")],
                federation.cluster.image("v6_federated_average"),
                {"method": "central_average", "kwargs": arguments},
                [{"label": "default"}],
            )
            status = _follow(user, made["task_id"])
            texts = user.results(made["task_id"]) if status == "completed" else []
        finally:
            user.close()
    return _judge(collaboration, status, json.loads(texts[0]) if texts else None)


def _follow(user: Client, task_id: int) -> str:
    """Print each change of the task's run, then its log; return the last status."""
    began, seen = time.monotonic(), ""
    print(f"    task {task_id} posted with vantage6's own client")
    while time.monotonic() - began < _SECONDS:
        one = user.runs(task_id)[0]
        if one["status"] != seen:
            seen = str(one["status"])
            print(f"    {time.monotonic() - began:7.2f} s  {seen}", flush=True)
        if one["finished_at"]:
            for line in str(one["log"] or "").splitlines():
                print(f"        | {line}")
            return seen
        time.sleep(_LOOK_SECONDS)
    raise DemoError(f"task {task_id} is still {seen} after {_SECONDS:.0f} s")


def _judge(collaboration: str, status: str, result: Any) -> list[Check]:
    text = (ROOT / "csv" / "employees.csv").read_text(encoding="utf-8")
    expected = average_of(text, _COLUMN)
    got = result["average"] if isinstance(result, dict) else None
    right = got is not None and abs(got - expected) < 1e-9 * expected
    return [
        Check(f"{collaboration}: the central function completed", status == "completed", status),
        Check(
            f"{collaboration}: the average over both organizations is right",
            right,
            f"{got!r}, expected {expected!r}",
        ),
    ]


def _show_more(federation: Federation) -> None:
    kubectl = f'make kubectl ARGS="-n {LOCATION.namespace} {{}}"'.format
    print(f"\nThe server      {federation.server.url}, its users in {federation.server.folder}")
    print("Look further")
    print(f"    {kubectl('get jobs,pods')}")
    print(f"    {kubectl('get networkpolicies')}")
    print("    make demo-vantage6-down        take it away (make cluster-down: the cluster)")
