"""The self-test of the walls: pods with an algorithm's labels try to get out, and others get in.

A cluster can enforce NetworkPolicies and still leave each new pod open for a moment: kube-router,
whose policy controller k3s contains, takes up to a second, and never cuts a connection that was
made before. Therefore the pods try from their first instruction, start at different moments, and
several start at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator

import structlog

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.surroundings import look_around, reached_from_here
from node_poc.cluster.tester_pods import TesterPod, TesterPods
from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.judgement import INWARD, ReportedTester, judge
from node_poc.isolation.self_test.targets import (
    Surroundings,
    Target,
    forbidden_targets,
    pod_targets,
)
from node_poc.manifests.identity import CONTAINER
from node_poc.runs.walls_verdict import WallsVerdict, unknown

log = structlog.get_logger(__name__)

# The kubelet looks at its pods once a second: the singles start at different parts of a second.
_SINGLES = 4
_BETWEEN_SECONDS = 1.3
_BURST = 5
_CONTROL_SECONDS = 60.0
_REPORTS_SECONDS = 75.0
_CONTROL_STAYS_SECONDS = 110.0
_FIRST_STAYS_SECONDS = 50.0
_LOOK_SECONDS = 0.3
ANOTHER_POD = "another pod"
ANOTHER_ALGORITHM = "another algorithm's pod"


class SelfTest:
    """Makes self-tests, one at a time."""

    def __init__(
        self,
        config: NodeConfig,
        api: KubernetesApi,
        objects: ClusterObjects,
        health_port: Callable[[], int],
    ) -> None:
        """Take the connection.

        Args:
            config: the whole configuration.
            api: the connection to the API server.
            objects: calls in the namespace of ``config``.
            health_port: returns the port of the node's own health server.
        """
        self._config = config
        self._api = api
        self._objects = objects
        self._logs = ContainerLogs(api, objects.pods_path, CONTAINER)
        self._health_port = health_port

    def run(self, ended: threading.Event) -> WallsVerdict:
        """Make a test of less than three minutes, and return the verdict; raises nothing.

        Args:
            ended: ends the test early, without a verdict.
        """
        pods = TesterPods(self._config, self._objects, self._logs, os.getgid())
        try:
            around = look_around(self._config, self._api, self._objects, self._health_port())
            if around.proxy is None:
                service = self._config.kubernetes.proxy.service
                return unknown(f"the proxy's Service {service} has no address", time.time())
            return _Test(self._config, pods, around, ended).run()
        except Exception as error:  # without a verdict, nobody would learn of the failure
            if not isinstance(error, ClusterError | OSError):
                log.exception("the self-test of the walls failed")
            return unknown(_told(error), time.time())
        finally:
            pods.remove()


def _told(error: Exception) -> str:
    """Return an error in one line that stays the same while the trouble is the same."""
    if isinstance(error, ClusterError) and error.status:
        return f"status {error.status}: {error.message}"[:300]
    if isinstance(error, ClusterError | OSError):
        return f"the API server gave no answer ({type(error).__name__})"
    return f"the self-test failed ({type(error).__name__}); the node's log has more"


class _Test:
    def __init__(
        self,
        config: NodeConfig,
        pods: TesterPods,
        around: Surroundings,
        ended: threading.Event,
    ) -> None:
        self._config = config
        self._pods = pods
        self._around = around
        self._ended = ended
        self._testers: list[TesterPod] = []
        self._troubles: list[str] = []
        self._live: set[str] = set()
        self._known = forbidden_targets(config, around)

    def run(self) -> WallsVerdict:
        control = self._start_control()
        self._live |= {each.way for each in reached_from_here(self._known, _LOOK_SECONDS)}
        if control is not None:
            self._wait(lambda: control.has_told_addresses or control.is_over, _CONTROL_SECONDS)
        others = self._look_at_control(control)
        for number in range(_SINGLES):
            self._start_tester(others, stay_seconds=0.0 if number else _FIRST_STAYS_SECONDS)
            self._wait(lambda: False, _BETWEEN_SECONDS)
        for _ in range(_BURST):
            self._start_tester(others)
        expected = [*self._testers, *([control] if control else [])]
        self._wait(
            lambda: all(each.report is not None or each.is_over for each in expected),
            _REPORTS_SECONDS,
        )
        return self._judge(control)

    def _start_control(self) -> TesterPod | None:
        """Start the pod that no policy selects. Without its report, less may be proven."""
        try:
            return self._pods.start(self._known, _CONTROL_STAYS_SECONDS, is_control=True)
        except ClusterError as error:
            self._troubles.append(f"no control pod: {_told(error)}")
            return None

    def _look_at_control(self, control: TesterPod | None) -> tuple[Target, ...]:
        """Return the control as a target of the testers, and note which of its addresses live."""
        if control is None:
            return ()
        found = pod_targets(self._config, ANOTHER_POD, control.addresses)
        reached = reached_from_here(found, _LOOK_SECONDS)
        self._live |= {each.way for each in reached}
        if any(":" not in each.host for each in reached):
            self._live.add(INWARD)  # the node reaches pods, unless a policy keeps it out
        if control.has_told_addresses:
            self._live.add(ANOTHER_POD)
        return found

    def _start_tester(self, others: tuple[Target, ...], stay_seconds: float = 0.0) -> None:
        proxy = Target(
            "the proxy", "tcp", str(self._around.proxy), self._config.kubernetes.proxy.port
        )
        first = self._testers[0].addresses if self._testers else ()
        siblings = pod_targets(self._config, ANOTHER_ALGORITHM, first)
        try:
            targets = (proxy, *self._known, *others, *siblings)
            self._testers.append(self._pods.start(targets, stay_seconds))
        except ClusterError as error:
            self._troubles.append(_told(error))

    def _wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        """Follow the pods until a condition holds, for a limited time.

        Meanwhile the node tries to get into the testers.

        Raises ClusterError, also if the node ends.
        """
        until = time.monotonic() + seconds
        while True:
            self._refresh()
            if is_done() or time.monotonic() >= until:
                return
            reached_from_here(tuple(self._inward()), _LOOK_SECONDS)
            if self._ended.wait(min(0.5, max(0.0, until - time.monotonic()))):
                raise ClusterError("self-test", 0, "Ended", "the node ends")

    def _refresh(self) -> None:
        """Look at the pods; an API server that is away for a moment costs one look only."""
        try:
            self._pods.refresh()
        except ClusterError as error:
            if not error.is_transient:
                raise

    def _inward(self) -> Iterator[Target]:
        for each in self._testers:
            if each.report is None:
                addresses = [address for address in each.addresses if "%" not in address]
                yield from pod_targets(self._config, INWARD, addresses)

    def _judge(self, control: TesterPod | None) -> WallsVerdict:
        if control is not None and control.report is not None:
            seen = zip(control.targets, control.report.targets, strict=True)
            self._live |= {target.way for target, tries in seen if tries.through}
        elif control is not None:
            self._troubles.append(f"no report of the control pod: {control.trouble}")
        if self._testers and self._testers[0].has_told_addresses:
            self._live.add(ANOTHER_ALGORITHM)
        silent = [each.trouble for each in self._testers if each.report is None]
        testers = [
            ReportedTester(each.targets, each.report) for each in self._testers if each.report
        ]
        verdict = judge(self._config, testers, self._live, [*self._troubles, *silent], time.time())
        _log_details(verdict, self._testers, [*self._troubles, *silent])
        return verdict


def _log_details(
    verdict: WallsVerdict, testers: Collection[TesterPod], troubles: Collection[str]
) -> None:
    reports = [each.report for each in testers if each.report is not None]
    log.debug(
        "the self-test of the walls is over",
        verdict=str(verdict),
        tested=verdict.tested,
        not_tested=verdict.not_tested,
        began_ms=[each.began_ms for each in reports],
        troubles=list(dict.fromkeys(troubles)) or None,
    )
