"""Connects the walls around algorithms with the other parts of the node. Contains no rules."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.self_test import SelfTest
from node_poc.cluster.walls_events import WallsEvents
from node_poc.cluster.walls_proof import WallsProof
from node_poc.cluster.walls_watch import WallsWatch
from node_poc.config.model import NodeConfig
from node_poc.engine.assembly import make_protections
from node_poc.engine.inbox import Inbox
from node_poc.engine.messages import HoldChanged
from node_poc.runs.holds import Hold
from node_poc.runs.walls_verdict import WallsVerdict
from node_poc.storage.walls_note import WallsNote


class NodeWalls:
    """The watch of the policies, the self-test, and the protections of pods.

    Attributes:
        watch: compares the NetworkPolicies.
        proof: tests the walls.
    """

    def __init__(
        self,
        config: NodeConfig,
        api: KubernetesApi,
        objects: ClusterObjects,
        inbox: Inbox,
        health_port: Callable[[], int],
    ) -> None:
        """Connect the parts; nothing runs before ``start``.

        Args:
            config: the whole configuration.
            api: the connection to the API server.
            objects: calls in the namespace of ``config``.
            inbox: receives each reason to hold all runs back, and its end.
            health_port: returns the port of the node's own health server.
        """
        self._gate = config.kubernetes.walls.gate
        self._protections = make_protections(config, api, objects)

        def test(ended: threading.Event) -> WallsVerdict:
            return SelfTest(
                self.protected(config.kubernetes.node_image), api, objects, health_port
            ).run(ended)

        self.watch = WallsWatch(config, api, lambda why: inbox.post(HoldChanged(Hold.WALLS, why)))
        self.proof = WallsProof(
            config.kubernetes.walls,
            test,
            WallsNote(Path(config.task_dir), api.cluster),
            lambda: self.watch.remark is None,
            lambda why: inbox.post(HoldChanged(Hold.SELF_TEST, why)),
            WallsEvents(objects, config.kubernetes.namespace).tell,
        )

    @property
    def remarks(self) -> list[str]:
        """What a person should know: why no run starts, or starts without its walls."""
        return [each for each in (self.watch.remark, self.proof.remark) if each]

    @property
    def holds_runs(self) -> bool:
        """Whether walls that are wrong or open hold all runs back."""
        return self.watch.holds_runs or self.proof.holds_runs

    def is_gated(self) -> bool:
        """Return whether new runs wait behind a gate; `auto` asks the last self-test."""
        return self._gate == "on" or (self._gate == "auto" and self.proof.verdict.needs_gate)

    def protected(self, image: str) -> NodeConfig:
        """Return the configuration with the protections of an image's pods. Thread-safe."""
        return self._protections.config_for(image)

    def start(self) -> None:
        """Start all threads; return when the policies are judged."""
        self.watch.start()
        self._protections.start()
        self.proof.start()

    def stop(self) -> None:
        """End all threads. A test that is under way has a moment to remove its pods."""
        self._protections.stop()
        self.proof.stop()
        self.watch.stop()
