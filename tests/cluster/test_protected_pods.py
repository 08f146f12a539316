"""Users of their own, the groups of the Job alone, and RuntimeClasses, on a real cluster.

The dev cluster's second runtime, ``runc-plain``, tells of no features, as an older cluster.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster.render import PLAIN_RUNTIME, SANDBOX_CLASS
from devstation import Cluster, DummyStation
from node_poc.cluster.connect import connect
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.protections import ProtectionTest
from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig
from tests.cluster.odd_images import OddImages, command
from tests.cluster.station import own_station

pytestmark = [pytest.mark.dev_cluster, pytest.mark.timeout(600)]
#: The user `daemon` of Debian's images; the image puts the user into one more group.
USER, EXTRA_GROUP = 1, 4242
LOOK = """
import json, os
open('/app/output/seen', 'w').write('text')
print(json.dumps({'users': open('/proc/self/uid_map').read().split(), 'groups': os.getgroups()}))
"""
# The example algorithm, which prints its kernel first.
KERNEL = """
import platform, runpy, sys
print('kernel', platform.release())
sys.path.insert(0, '/app')
runpy.run_path('/app/app.py', run_name='__main__')
"""
SANDBOXED, BESIDE = "v6_test_sandboxed", "v6_test_beside"


def with_pods(**pods: Any) -> Any:
    def change(config: dict[str, Any]) -> None:
        rules = [
            {"images": ".*/v6_test_plain", "runtime_class": PLAIN_RUNTIME},
            {"images": ".*/v6_test_sandboxed", "runtime_class": SANDBOX_CLASS},
        ]
        config["kubernetes"] |= {
            "walls": {"gate": "off", "self_test_hours": None},
            "security": {"run_as_user": USER},
            "limits": {"hopeless_seconds": 5},
            "pods": {"runtime_classes": rules, **pods},
        }

    return change


PROTECTED = with_pods(user_namespaces="on", strict_groups="on")
BARE = with_pods(user_namespaces="off", strict_groups="off")


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    images = OddImages(cluster.settings["REGISTRY"])
    group = ("etc/group", f"daemon:x:1:\nextra:x:{EXTRA_GROUP}:daemon\n")
    for name in ("v6_test_looks", "v6_test_plain"):
        images.derive(name, command("python3", "-c", LOOK), group)
    for name in (SANDBOXED, BESIDE):
        images.derive(name, command("python3", "-u", "-c", KERNEL))
    folder = tmp_path_factory.mktemp("pods")
    with own_station(cluster, "pods", 5067, folder, PROTECTED) as made:
        yield made


def run(station: DummyStation, image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result of a run and what the algorithm saw; check who owns the run's file."""
    payload = station.payload(image=station.cluster.image(image))
    result = station.run(payload)
    if result["status"] != "completed":
        return result, {}
    assert [item["path"] for item in result["output"]] == ["seen"]
    file = station.tasks / str(payload["run_id"]) / "output" / "seen"
    assert (file.stat().st_uid, file.read_text()) == (USER, "text")
    return result, json.loads(result["log"].splitlines()[-1])


def test_an_algorithm_has_users_of_its_own_and_the_groups_of_its_job(station: DummyStation):
    station.reconfigure(PROTECTED)
    result, seen = run(station, "v6_test_looks")
    assert result["status"] == "completed", result
    inside, outside, count = map(int, seen["users"])
    assert (inside, count) == (0, 65_536)
    assert outside >= 65_536
    assert EXTRA_GROUP not in seen["groups"]


def test_without_the_protections_the_image_decides(station: DummyStation):
    """The control: the machine's users, and a group that the image gives itself."""
    station.reconfigure(BARE)
    _, seen = run(station, "v6_test_looks")
    assert seen["users"][:2] == ["0", "0"]
    assert EXTRA_GROUP in seen["groups"]
    result, seen = run(station, "v6_test_plain")
    assert result["status"] == "completed", result
    (job,) = [
        job
        for job in station.get("jobs")
        if "v6_test_plain" in job["metadata"]["annotations"]["vantage6.ai/image"]
    ]
    assert job["spec"]["template"]["spec"]["runtimeClassName"] == PLAIN_RUNTIME


def test_on_starts_no_run_without_the_protection(station: DummyStation):
    station.reconfigure(PROTECTED)
    result, _ = run(station, "v6_test_plain")
    assert (result["status"], result["cause"]) == ("start failed", "UserNamespacesMissing")
    assert result["exit_code"] is None


def test_an_image_runs_in_gvisor_and_another_beside_it(station: DummyStation, sandbox: str):
    station.reconfigure(BARE)
    names = (SANDBOXED, BESIDE)
    payloads = [station.payload(image=station.cluster.image(name)) for name in names]
    with station.emitter() as emitter:
        for payload in payloads:
            assert emitter.post(payload)["accepted"]
        results = [emitter.wait(each["run_id"], timeout_s=120) for each in payloads]
    assert [result["status"] for result in results] == ["completed"] * 2, results
    classes, kernels, averages = [], [], []
    for payload, result in zip(payloads, results, strict=True):
        run_id, lines = payload["run_id"], result["log"].splitlines()
        (pod,) = station.pods_of(run_id)
        classes.append(pod["spec"].get("runtimeClassName"))
        kernels += [line.removeprefix("kernel ") for line in lines if line.startswith("kernel ")]
        averages.append((station.tasks / str(run_id) / "output" / "avg.txt").read_text())
        network = " ".join(line for line in lines if line.startswith("network: "))
        assert f"outbound access to {station.cluster.outside} is disabled" in network
        assert "proxy v6proxy.v6proxy-subdomain.v6-jobs:8080 is reachable" in network
        assert "DNS lookups are disabled" in network
    assert classes == [sandbox, None]
    assert kernels[0].endswith("-gvisor")
    assert kernels[1] == os.uname().release
    assert averages[0] == averages[1]


def test_auto_finds_out_what_the_cluster_has(station: DummyStation, api_access: None, sandbox: str):
    (item,) = [item for item in station.objects() if item["kind"] == "ConfigMap"]
    data = yaml.safe_load(item["data"]["node_config.yaml"])
    data["kubernetes"] |= {
        "node_name": "tests protections",
        "node_image": station.cluster.image("v6_node_poc"),
    }

    def found(of: str = "run", **pods: Any) -> dict[str, str]:
        data["kubernetes"]["pods"] = pods
        config: NodeConfig = parse_config(yaml.safe_dump(data), {})
        api = connect(os.environ.get("CONTEXT") or None)
        objects = ClusterObjects(api, station.location.namespace)
        made: dict[str, str] = getattr(ProtectionTest(config, api, objects, None), of)(
            threading.Event()
        )
        return made

    plain = [{"images": "strange/", "runtime_class": PLAIN_RUNTIME}]
    sandboxed = {"images": "stranger/", "runtime_class": sandbox}
    each = found(runtime_classes=[*plain, sandboxed])
    for name in (PLAIN_RUNTIME, sandbox):
        assert "does not support user namespaces" in each[f"user_namespaces with {name}"]
        assert each[f"strict_groups with {name}"] == ""
    assert (each["user_namespaces"], each["strict_groups"]) == ("", "")
    classes = [*plain, {"images": ".*", "runtime_class": "missing"}]
    told = found("run_classes", runtime_classes=classes)
    assert told[PLAIN_RUNTIME] == ""
    assert 'RuntimeClass "missing" not found' in told["missing"]
