"""Reacts to the events of a vantage6 server: the greeting, a new task, a request to kill runs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.config.model import NodeConfig
from node_poc.protocol.vantage6.incoming.sync import Sync
from node_poc.protocol.vantage6.kills import runs_to_kill
from node_poc.protocol.vantage6.outgoing.node_info import node_info
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.run_request import id_in
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.docker_terms import ToBeKilled
from node_poc.runs.ports import DockerVerbs

log = structlog.get_logger(__name__)


class ServerEvents:
    """The reactions to the server's events. The connection's threads call the ``on_*`` methods.

    Attributes:
        greetings: how often the server has greeted this node with ``sync``.
    """

    def __init__(
        self,
        access: ServerAccess,
        config: NodeConfig,
        control: DockerVerbs,
        sync: Sync,
        send_queue: SendQueue,
    ) -> None:
        """``control`` kills runs and reads column names."""
        self._identity = access.identity
        self._emit: Callable[[str, object], bool] = access.emit
        self._config = config
        self._control = control
        self._sync = sync
        self._send_queue = send_queue
        self._kills = DaemonPool("kill", 1)
        self._infos = DaemonPool("node info", 1)
        self.greetings = 0

    def stop(self) -> None:
        """Kill no more runs, and share no configuration."""
        self._kills.stop()
        self._infos.stop()

    def on_sync(self) -> None:
        """The server knows this node: read its runs, and send everything that has waited."""
        self.greetings += 1
        self._sync.read_all_soon()
        self._send_queue.retry_now()
        if self._config.share_config:
            self._infos.submit(self._send_info)

    def on_new_task(self, payload: object) -> None:
        """Read the runs of a new task, or all runs if the payload names no task."""
        if (task_id := id_in(payload)) is not None:
            self._sync.read_task_soon(task_id)
        else:
            self._sync.read_all_soon()

    def on_kill(self, payload: object) -> None:
        """Kill the runs that the payload of ``kill_containers`` names, in another thread."""
        self._kills.submit(self.kill, payload)

    def kill(self, payload: object) -> None:
        """Kill the runs that the payload of ``kill_containers`` names."""
        try:
            run_ids = runs_to_kill(payload, self._identity)
            if run_ids == ():
                return
            log.info("the server wants runs killed", run_ids=run_ids or "all")
            self._sync.kill_new(run_ids)
            wanted = None if run_ids is None else [ToBeKilled(run_id) for run_id in run_ids]
            self._control.kill_tasks(None, wanted)  # only runs of this organization are left
        except Exception:  # the next reading of the server's open runs repeats the kills
            log.exception("runs not killed")

    def _send_info(self) -> None:
        try:
            info = node_info(self._config, self._control.get_column_names)
            self._emit("node_info_update", info)
        except Exception:  # no run needs the shared configuration: an error must harm no run
            log.exception("configuration not shared")
