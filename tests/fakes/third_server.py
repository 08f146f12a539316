"""A third kind of server, for the test of the seam: no network, a test hands over the runs.

The kind has rules and defaults of its own, and objects of its own as a vantage6 node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from node_poc.config.findings import warning
from node_poc.config.kinds.kind import ServerKind
from node_poc.config.model import NodeConfig
from node_poc.protocol.adapter import Adapter, Answers
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import RunTaker

NODE_NAME = "third-node"


@dataclass
class ThirdServer:
    """Remembers what the node sends."""

    config: NodeConfig
    control: RunTaker
    is_connected: bool = False
    connection: int = 0
    statuses: list[tuple[int, str]] = field(default_factory=list)
    results: dict[int, RunResult] = field(default_factory=dict)

    def start(self) -> None:
        self.is_connected, self.connection = True, 1

    def stop(self) -> None:
        self.is_connected = False

    def send_status(self, run: Run) -> None:
        self.statuses.append((run.run_id, run.status.value))

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        self.results[result.run_id] = result
        acknowledged()


def _make_server(config: NodeConfig, control: RunTaker, **_: Any) -> ThirdServer:
    return ThirdServer(config, control)


def _ask_server(config: NodeConfig, _: object) -> Answers:
    return [f"the third server knows {config.kubernetes.node_name}"], [warning("asked: online")]


ADAPTER = Adapter(make_server=_make_server, ask_server=_ask_server)


def _fill_in(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"kubernetes": {"node_name": NODE_NAME} | values["kubernetes"]}


def _broken_rules(config: NodeConfig) -> Iterator[str]:
    if config.port is None:
        yield "port: is required by the third server; add it"


def _doubts(_: NodeConfig) -> Iterator[str]:
    yield "server_url: in doubt"


def _dangers(_: NodeConfig) -> Iterator[str]:
    yield "port: in danger"


def _values_without_effect(_: object) -> Iterator[tuple[str, str]]:
    yield "databases[0].label", "no label is told"


THIRD = ServerKind(
    name="third",
    adapter="tests.fakes.third_server:ADAPTER",
    core_checks_images=True,
    has_own_objects=True,
    is_told_of_databases=False,
    sections_without_effect={"share_config": "nothing is asked"},
    fill_in=_fill_in,
    find_values_without_effect=_values_without_effect,
    broken_rules=_broken_rules,
    find_doubts=_doubts,
    find_dangers=_dangers,
)
