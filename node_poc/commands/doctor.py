"""``python -m node_poc doctor``: looks whether the walls around algorithms stand, and tests them.

The command asks the cluster, and starts the pods of one self-test (``cluster/self_test.py``), which
takes about half a minute. In the node's pod the command has the node's rights and addresses, and
therefore tests more ways than from another machine.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from node_poc.cluster.connect import KubernetesApi, NoClusterError, connect
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.listing import list_all
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.self_test import SelfTest
from node_poc.config.kubernetes import Walls as WallsSettings
from node_poc.config.model import NodeConfig
from node_poc.isolation.walls import Walls
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict

EXIT_CODES = """\
exit codes:
  0  no failure; warnings are for you to judge
  1  a failure: the walls do not hold algorithms back
  4  no cluster, or the cluster refuses
"""
_POLICIES = "the NetworkPolicies"
_TEST = "the self-test"
_PLUGIN = "let the cluster's network plugin enforce NetworkPolicies on these ways"


class Level(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Line:
    """A line of the output; ``remedy`` is empty if all is well."""

    level: Level
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the line as printed."""
        return f"{self.level:8} {self.found}" + (f"; {self.remedy}" if self.remedy else "")


def doctor(config: NodeConfig, *, context: str | None, health_port: int, out: TextIO) -> int:
    """Print all findings about the walls, and return the exit code (``EXIT_CODES``).

    Args:
        config: the node's configuration.
        context: the kubeconfig context, used only outside a pod.
        health_port: the port of the node's health server, a target of the test.
        out: receives the findings. Errors go to stderr.
    """
    worst = Level.OK
    try:
        api = connect(context)
        for line in _examine(config, api, health_port):
            print(line, file=out, flush=True)
            worst = Level.FAILURE if line.level is Level.FAILURE else worst
    except (NoClusterError, ClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 1 if worst is Level.FAILURE else 0


def _examine(config: NodeConfig, api: KubernetesApi, health_port: int) -> Iterator[Line]:
    settings = config.kubernetes
    yield from of_settings(settings.walls)
    path = f"/apis/networking.k8s.io/v1/namespaces/{settings.namespace}/networkpolicies"
    found, _ = list_all(api, path, "")
    yield from of_policies(config, found)
    objects = ClusterObjects(api, settings.namespace)
    test = SelfTest(config, api, objects, lambda: health_port)
    yield from of_verdict(settings.walls, test.run(threading.Event()))


def of_settings(walls: WallsSettings) -> Iterator[Line]:
    """Yield the settings that switch a protection off."""
    if not walls.required:
        yield Line(
            Level.WARNING,
            "kubernetes.walls.required is false: runs start without their walls",
            "set it to true",
        )
    if walls.self_test_hours is None:
        yield Line(
            Level.WARNING,
            "kubernetes.walls.self_test_hours is null: the node never tests its walls",
            "set it to a number such as 24",
        )


def of_policies(config: NodeConfig, found: list[dict[str, object]]) -> Iterator[Line]:
    """Yield whether the policies are right.

    Args:
        config: the node's configuration.
        found: the NetworkPolicies of the node's namespace.
    """
    breaches = Walls(config).breaches(found)
    for breach in breaches:
        subject = f"NetworkPolicy {breach.policy} " if breach.policy else ""
        yield Line(Level.FAILURE, f"{subject}{breach.found}", breach.remedy)
    if not breaches:
        yield Line(Level.OK, f"{_POLICIES}: all are there, and none opens another way")


def of_verdict(walls: WallsSettings, verdict: WallsVerdict) -> Iterator[Line]:
    """Yield the meaning of a self-test for the runs of this node."""
    told = f"{_TEST}: {verdict}"
    match verdict.enforcement:
        case Enforcement.AT_ONCE:
            yield Line(Level.OK, told)
        case Enforcement.NOT:
            yield Line(Level.FAILURE, told, _PLUGIN)
        case Enforcement.LATE if walls.gate == "off":
            remedy = "set kubernetes.walls.gate to auto, so that runs wait for their walls"
            yield Line(Level.FAILURE, told, remedy)
        case Enforcement.LATE:
            yield Line(Level.OK, f"{told}; each run waits behind its gate")
        case _:
            yield Line(Level.WARNING, told, "remove the reason, and call doctor again")
    if verdict.tested:
        yield Line(Level.OK, f"{_TEST} tried: {', '.join(verdict.tested)}")
    if verdict.not_tested:
        ways = ", ".join(verdict.not_tested)
        yield Line(
            Level.WARNING,
            f"{_TEST} proves nothing about: {ways}",
            "nobody reached these destinations, which may not exist here",
        )
