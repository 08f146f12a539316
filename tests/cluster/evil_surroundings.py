"""The surroundings of the hostile algorithm: targets, foreign data, and a pod without walls."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from devstation import DummyStation, wait_for
from node_poc.manifests import identity
from tests.cluster.probes import listener, pod_address
from tests.cluster.station import NAMESPACE

#: In every file that the algorithm must not read.
CANARY = "a canary that no other run may see"
OPEN_NAMESPACE = "v6-test-evil"
IMAGE = "v6_evil_algorithm"
_ALGORITHM = identity.Identity("v6-node").labels(78, "proxy")
_NODE_PORT = 30978
Plan = dict[str, Any]
Report = dict[str, dict[str, Any]]


class Surroundings:
    """Pods to connect to, and files of another run and of another database."""

    def __init__(self, station: DummyStation) -> None:
        """Take the station; nothing is made before ``set_up``."""
        self.station = station
        self._sibling = listener(station, "evil-target", _ALGORITHM, NAMESPACE)
        self._open_sibling = listener(station, "evil-target", _ALGORITHM, OPEN_NAMESPACE)
        self._stranger = listener(station, "stranger", {"app": "stranger"}, OPEN_NAMESPACE)
        self._secret_file = station.data / "other.csv"
        self._control_files = station.location.home / "evil-control"
        self._foreign: dict[str, list[str]] = {}
        self._other = 0

    def set_up(self) -> None:
        """Make pods, a NodePort and foreign files."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPEN_NAMESPACE}}
        port = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "stranger", "namespace": OPEN_NAMESPACE},
            "spec": {
                "type": "NodePort",
                "selector": {"app": "stranger"},
                "ports": [{"port": 8080, "nodePort": _NODE_PORT}],
            },
        }
        pods = (self._sibling, self._open_sibling, self._stranger)
        self.station.cluster.apply(namespace, port, *pods)
        self._secret_file.write_text(CANARY)
        self._control_files.mkdir(exist_ok=True)
        for name in ("default", "docker_input", "token"):
            (self._control_files / name).write_text("x")
        self._foreign = self._files_of_others()

    def remove(self) -> None:
        """Remove pods and files."""
        with self.station.emitter() as emitter:
            emitter.request("kill_request", {"run_ids": [self._other]})
        self.station.cluster.delete(self._sibling)
        self.station.cluster.delete_namespace(OPEN_NAMESPACE, wait=False)
        for path in (self._secret_file, *self._control_files.glob("*")):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self._control_files.rmdir()

    def _files_of_others(self) -> dict[str, list[str]]:
        """Start a run whose input and token are the canary; return the paths to try."""
        tasks = self.station.tasks
        stay = ("/app/input/csv/default", "Age", "/app/output/avg.txt", "600")
        other = self.station.payload(*stay, docker_input=CANARY, token=CANARY)
        self._other = other["run_id"]
        with self.station.emitter() as emitter:
            assert emitter.post(other)["accepted"]
        folder = tasks / str(self._other)
        of_run: list[Path] = wait_for(
            lambda: [path for path in _files(folder) if CANARY in path.read_text()][:2],
            "the other run's input and token lie on the disk",
        )
        names = [str(path.relative_to(tasks)) for path in of_run]
        ways = ("/app/output/../..", "/app/tmp/../..", "/app/output/../../..", "/app/..")
        return {
            "another run's input and token": [
                *map(str, of_run),
                *(f"{way}/{name}" for way in ways for name in names),
            ],
            "another database": [
                str(self._secret_file),
                "/app/input/csv/other.csv",
                "/app/input/csv/../other.csv",
                "/app/input/csv/late",
            ],
        }

    def plan(self, *, is_control: bool = False) -> Plan:
        """Return the plan of the attacks.

        The control's sibling is in a namespace without policies, because a pod's own policies also
        keep strangers away.
        """
        sibling = self._open_sibling if is_control else self._sibling
        return {
            "tcp": self._addresses(sibling),
            "dns": self._service("kube-dns", "kube-system").partition(":")[0],
            "api": self._service("kubernetes", "default"),
            "foreign": self._foreign,
            "canary": CANARY,
            "given": {
                "the database": "/app/input/csv/default",
                "the input": "/app/input/docker_input",
                "the token": "/app/token",
                "the hosts file": "/etc/hosts",
            },
        }

    def _addresses(self, sibling: dict[str, Any]) -> dict[str, str]:
        cluster = self.station.cluster
        machine = cluster.kubectl(
            "get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}"
        )
        (node,) = self.station.get("pods", "-l", "app.kubernetes.io/name=v6-node")
        (container,) = node["spec"]["containers"]
        return {
            "the outside": cluster.outside,
            "the server": f"{cluster.server_ip}:{self.station.location.port}",
            "the API server's Service": self._service("kubernetes", "default"),
            "the API server's machine": f"{machine}:6443",
            "the kubelet": f"{machine}:10250",
            "the cloud's metadata": "169.254.169.254:80",
            "a name server": self._service("kube-dns", "kube-system"),
            "another algorithm": f"{pod_address(self.station, sibling)}:8080",
            "the node": f"{node['status']['podIP']}:{container['ports'][0]['containerPort']}",
            "another namespace": f"{pod_address(self.station, self._stranger)}:8080",
            "a NodePort": f"{machine}:{_NODE_PORT}",
            "the proxy": self._service("v6proxy", NAMESPACE),
        }

    def _service(self, name: str, namespace: str) -> str:
        (found,) = self.station.cluster.get(
            "services", f"--field-selector=metadata.name={name}", namespace=namespace
        )
        return f"{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"

    def start_control(self) -> None:
        """Start the same attacks in a pod without any of an algorithm's walls."""
        self.station.cluster.apply(self._control_pod())

    def control_report(self) -> Report:
        """Wait for the pod without walls to end, and return its report."""
        where = ("-n", OPEN_NAMESPACE)
        kubectl = self.station.cluster.kubectl

        def ended() -> bool:
            phase = kubectl(*where, "get", "pod", "control", "-o", "jsonpath={.status.phase}")
            return phase in {"Succeeded", "Failed"}

        wait_for(ended, "the control ends")
        return report_in(kubectl(*where, "logs", "control"))

    def _control_pod(self) -> dict[str, Any]:
        places = {str(path): str(path) for path in (self.station.tasks, self.station.data)}
        files = self._control_files
        places |= {
            str(files / "default"): "/app/input/csv/default",
            str(files / "docker_input"): "/app/input/docker_input",
            str(files / "token"): "/app/token",
        }
        numbered = list(enumerate(places.items()))
        container = {
            "name": "evil",
            "image": self.station.cluster.image(IMAGE),
            "imagePullPolicy": "Always",
            "args": [json.dumps(self.plan(is_control=True))],
            "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
            "volumeMounts": [{"name": f"v{n}", "mountPath": there} for n, (_, there) in numbered],
        }
        volumes = [{"name": f"v{n}", "hostPath": {"path": here}} for n, (here, _) in numbered]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "control", "namespace": OPEN_NAMESPACE},
            "spec": {
                "restartPolicy": "Never",
                "hostPID": True,
                "containers": [container],
                "volumes": volumes,
            },
        }


def report_in(log: str) -> Report:
    """Return the report in a log of the hostile algorithm."""
    line = next(line for line in log.splitlines() if line.startswith('{"'))
    report: Report = json.loads(line)
    return report


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
