"""``python -m node_poc runs``: shows a data manager the node's runs, from their Jobs and pods.

The command asks the cluster only, and therefore works even if the node is busy, stuck or gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import structlog
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from node_poc.cluster.connect import KubernetesApi, NoClusterError, connect
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.listing import list_all
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.watch import Listed, Watcher, WatchUpdate
from node_poc.commands.runs_seen import JOBS, PODS, RunsSeen
from node_poc.commands.runs_table import RunRow, draw_runs
from node_poc.concurrency.attempts import Attempts
from node_poc.concurrency.backoff import Backoff
from node_poc.config.model import NodeConfig
from node_poc.manifests.identity import Identity
from node_poc.observe.node_state import is_ready, tell_unready

log = structlog.get_logger(__name__)

_NO_CLUSTER = 4
_INTERRUPTED = 130
_REDRAW_SECONDS = 1.0
_PAUSES = Backoff(0.1, 8.0)
_PATIENCE = 30.0  # seconds
# For files and programs, that is without a terminal: each run in a single line.
_UNLIMITED_WIDTH = 10_000


def show_runs(
    config: NodeConfig,
    *,
    context: str | None,
    namespace: str | None = None,
    watch: bool,
    as_json: bool,
    out: TextIO,
) -> int:
    """Write the runs to ``out``; with ``watch`` also write each change, until Ctrl-C.

    Args:
        config: the node's configuration.
        context: the kubeconfig context, used only outside a pod.
        namespace: the namespace to show instead of the configured namespace.
        watch: follow the runs. On a terminal the table is redrawn; elsewhere the table is written
            again after each change.
        as_json: write a JSON array; with ``watch`` write an object a line, for each run and each
            change. After the removal of a run's objects, the run's last line has ``"gone": true``.
        out: receives the runs. Errors and warnings go to stderr.

    Returns:
        the exit code: 0 for success; 4 if there is no cluster or the cluster refuses; 130 if Ctrl-C
        came before the end of the output (Ctrl-C is the usual end of a watch: 0).
    """
    space = namespace or config.kubernetes.namespace
    try:
        with _logs_on_stderr():
            view = _View(config, connect(context), space)
            for reason in view.unready():
                print(f"warning: {reason}", file=sys.stderr)
            if watch:
                _follow(view, out, as_json=as_json)
            else:
                _print_once(view, out, as_json=as_json)
    except (NoClusterError, ClusterError) as error:
        print(f"error: {_explain(error, space)}", file=sys.stderr)
        return _NO_CLUSTER
    except BrokenPipeError:
        _forget(out)
    except KeyboardInterrupt:
        return 0 if watch else _INTERRUPTED
    return 0


class _View:
    """The Jobs and pods of one node in one namespace, as seen last."""

    def __init__(self, config: NodeConfig, api: KubernetesApi, namespace: str) -> None:
        """List all Jobs and pods once. Raises ClusterError."""
        self._api = api
        self._node_name = config.kubernetes.node_name
        self._namespace = namespace
        self._selector = Identity(self._node_name).selector
        objects = self._objects = ClusterObjects(api, namespace)
        self._paths = {JOBS: objects.jobs_path, PODS: objects.pods_path}
        self._seen = RunsSeen(config.kubernetes.limits)
        self._changes: queue.SimpleQueue[tuple[str, WatchUpdate]] = queue.SimpleQueue()
        for kind, path in self._paths.items():
            listed, _ = list_all(api, path, self._selector)
            self._seen.update(kind, Listed(tuple(listed), time.monotonic()))

    def unready(self) -> list[str]:
        """Return why pods of node and proxy are not ready; an empty list without access.

        The calls are repeated for some seconds if the API server is away.
        """
        attempts, until = Attempts(log, _PAUSES, threading.Event()), time.monotonic() + _PATIENCE
        while True:
            try:
                return self._look_for_unready()
            except ClusterError as error:
                if not error.is_transient or time.monotonic() > until:
                    return []
                text, wait = "node and proxy not seen: tried again", error.retry_after_seconds
                attempts.failed(text, at_least=wait or 0.0, error=str(error))

    def _look_for_unready(self) -> list[str]:
        selectors = Identity(self._node_name).own_selectors
        pods = [pod for each in selectors for pod in self._objects.list_pods(each)]
        return [
            tell_unready(
                pod,
                self._objects.list_events("Pod", pod["metadata"]["name"]),
                self._namespace,
            )
            for pod in pods
            if not is_ready(pod)
        ]

    def rows(self) -> list[RunRow]:
        """Return the runs as seen last."""
        return self._seen.rows()

    def drawing(self, console: Console) -> RenderableType:
        """Return the table of the runs, or a text if there are no runs."""
        rows = self.rows()
        if rows:
            return draw_runs(rows, time.time(), console)
        return Text(f"no runs of node {self._node_name!r} in namespace {self._namespace}")

    def follow(self, out: TextIO) -> Iterator[None]:
        """Yield now, after each change, and once a second, as long as somebody reads ``out``."""
        for kind, path in self._paths.items():
            Watcher(self._api, path, self._selector, self._taker(kind)).start()
        while not _reader_gone(out):
            yield
            with contextlib.suppress(queue.Empty):
                self._seen.update(*self._changes.get(timeout=_REDRAW_SECONDS))

    def _taker(self, kind: str) -> Callable[[WatchUpdate], None]:
        return lambda seen: self._changes.put((kind, seen))


def _print_once(view: _View, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([row.to_json() for row in view.rows()], indent=2), file=out)
    else:
        console = _console(out)
        console.print(view.drawing(console))
    out.flush()


def _console(out: TextIO) -> Console:
    console = Console(file=out, highlight=False)
    return console if console.is_terminal else Console(file=out, width=_UNLIMITED_WIDTH)


def _follow(view: _View, out: TextIO, *, as_json: bool) -> None:
    console = _console(out)
    if as_json:
        _follow_json(view, out)
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for _ in view.follow(out):
                live.update(view.drawing(console), refresh=True)
    else:
        before = None
        for _ in view.follow(out):
            rows = view.rows()
            if rows != before:
                console.print(view.drawing(console), Text())
                out.flush()
            before = rows


def _follow_json(view: _View, out: TextIO) -> None:
    before: dict[int, RunRow] = {}
    for _ in view.follow(out):
        rows = {row.run_id: row for row in reversed(view.rows())}
        for run_id, row in rows.items():
            if before.get(run_id) != row:
                print(json.dumps(row.to_json()), file=out)
        for run_id in before.keys() - rows.keys():
            print(json.dumps(before[run_id].to_json() | {"gone": True}), file=out)
        out.flush()
        before = rows


def _reader_gone(out: TextIO) -> bool:
    """Whether nobody reads ``out`` any more. A write would tell, but may be due only in days."""
    try:
        poll = select.poll()
        poll.register(out.fileno(), 0)
    except (OSError, ValueError):  # ``out`` has no file descriptor
        return False
    return bool(poll.poll(0))


def _forget(out: TextIO) -> None:
    """Keep Python from failing at exit, when it flushes ``out``, which nobody reads any more."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _logs_on_stderr() -> Iterator[None]:
    """Send the watches' log to stderr, away from the output, which may be JSON."""
    before = structlog.get_config()
    structlog.configure(
        # Look up ``sys.stderr`` for each line: a redrawn table replaces it with its own.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _explain(error: Exception, namespace: str) -> str:
    if not isinstance(error, ClusterError):
        return str(error)
    if error.status in {401, 403}:
        return (
            f"the cluster refuses: {error}; this command needs list and watch of jobs and pods "
            f"in namespace {namespace}"
        )
    if not error.status:
        return f"the cluster does not answer: {error}; is it running, and is the context right?"
    return str(error)
