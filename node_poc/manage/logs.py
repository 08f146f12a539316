"""``v6-node logs`` and ``attach``: the log of the node, as it grows."""

from __future__ import annotations

import sys
import time

from node_poc.cluster.applying import NodeObjects
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.logs import SilentError, stream_bytes
from node_poc.manage.session import WELL, CommandError, Options, tell, view_of
from node_poc.manage.view import NO_LOG_YET, NodeView

_QUIET_SECONDS = 600.0
_AGAIN_SECONDS = 1.0


def show_log(options: Options, *, component: str, follow: bool, lines: int) -> int:
    """Print the log of ``node`` or ``proxy``; with ``follow`` until Ctrl-C, over restarts.

    Returns the exit code. Raises CommandError, ClusterError.
    """
    chosen, objects = options.chosen(), options.objects()
    view = view_of(objects, chosen)
    pods = view.pods(component)
    if not pods and not follow:
        raise CommandError(f"node {chosen.name} has no pod; `v6-node status` tells more")
    if not follow:
        print(*view.log(pods[0]["metadata"]["name"], component, lines=lines), sep="\n")
        return WELL
    tell(f"log of {component} {chosen.name}; Ctrl-C detaches, and the node goes on")
    try:
        _follow(objects, view, component, lines)
    except KeyboardInterrupt:
        tell("\ndetached")
    return WELL


def _follow(objects: NodeObjects, view: NodeView, component: str, lines: int) -> None:
    """Print the log of each pod in turn: a restart of the node makes another pod."""
    query = [("container", component), ("follow", "true")]
    first: list[tuple[str, str]] = [("tailLines", str(lines))]
    last = ""
    while True:
        pods = view.pods(component)
        if not pods:
            time.sleep(_AGAIN_SECONDS)
            continue
        name = pods[0]["metadata"]["name"]
        more = first if not last else [("sinceSeconds", "1")] if name == last else []
        path = view.log_path(name)
        try:
            for piece in stream_bytes(objects.api, path, [*query, *more], lambda: _QUIET_SECONDS):
                sys.stdout.write(piece.decode("utf-8", "replace"))
                sys.stdout.flush()
                last = name
        except (SilentError, NotFoundError):
            pass
        except ClusterError as error:
            if error.status not in NO_LOG_YET and not error.is_transient:
                raise
        time.sleep(_AGAIN_SECONDS)
