"""``v6-node stop`` and ``restart``: end the node's pods, and leave runs and configuration.

A run is a Job of its own and survives its node. Therefore ``stop`` leaves runs that have begun:
they go on behind their walls, and the next ``start`` takes them over and delivers their results.
The proxy stays for them as long as runs are in flight. ``--force`` ends the runs, too; the next
``start`` reports them as failed.
"""

from __future__ import annotations

from node_poc.cluster.applying import NodeObjects
from node_poc.config.errors import ConfigError
from node_poc.manage.session import FAILED, WELL, CommandError, Options, tell, view_of
from node_poc.manage.station_file import Chosen, choose
from node_poc.manage.view import PARTS, NodeView
from node_poc.manage.waiting import wait_gone
from node_poc.manifests import identity

_SECONDS = 60.0


def stop(options: Options, *, force: bool, every: bool) -> int:
    """Stop one node, or all nodes that have a file here. Returns the exit code."""
    objects = options.objects()
    if not every:
        return _stop_one(objects, options.chosen(), force=force)
    code = WELL
    for name in options.place.names():
        try:
            chosen = choose(options.place.file(name), namespace=options.namespace)
        except ConfigError as error:
            tell(f"error: {error}")
            code = FAILED
            continue
        view = view_of(objects, chosen)
        deployment = view.deployment(identity.COMPONENT_NODE)
        if deployment is not None and deployment["spec"].get("replicas", 1):
            code = max(code, _stop_one(objects, chosen, force=force))
    return code


def _stop_one(objects: NodeObjects, chosen: Chosen, *, force: bool) -> int:
    view = view_of(objects, chosen)
    if view.deployment(identity.COMPONENT_NODE) is None:
        raise CommandError(
            f"node {chosen.name} is not in namespace {chosen.namespace}; `v6-node list` shows all "
            "nodes"
        )
    is_gone = stop_pods(objects, view, force=force)
    runs = view.runs_in_flight()
    if runs:
        tell(
            f"node {chosen.name} is stopped; {_count(len(runs))} in the cluster, with the proxy; "
            "the next `v6-node start` takes them over. `v6-node stop --force` ends them"
        )
    else:
        tell(f"node {chosen.name} is stopped; no run is in flight. `v6-node start` starts it again")
    return WELL if is_gone else FAILED


def _count(runs: int) -> str:
    return "1 run goes on" if runs == 1 else f"{runs} runs go on"


def stop_pods(objects: NodeObjects, view: NodeView, *, force: bool) -> bool:
    """End the pods of the node; with ``force`` at once, together with its runs.

    Returns False if pods are left after a minute. Raises ClusterError.
    """
    if force:
        for job in view.runs_in_flight():
            objects.delete("Job", view.namespace, job["metadata"]["name"])
            tell(f"job/{job['metadata']['name']} ended")
    ended = [identity.COMPONENT_NODE] if view.runs_in_flight() else list(PARTS)
    for component in ended:
        deployment = view.deployment(component)
        if deployment is not None:
            objects.scale(view.namespace, deployment["metadata"]["name"], 0)
        for pod in view.pods(component) if force else ():
            objects.delete("Pod", view.namespace, pod["metadata"]["name"], grace=0)
    if wait_gone(view, tell, _SECONDS, *ended):
        return True
    tell(f"error: pods of the node are left; `kubectl -n {view.namespace} get pods` tells more")
    return False


def restart_pods(options: Options) -> None:
    """End the node's pods before a start. Raises ClusterError, CommandError."""
    objects, chosen = options.objects(), options.chosen()
    view = view_of(objects, chosen)
    if view.deployment(identity.COMPONENT_NODE) is not None and not stop_pods(
        objects, view, force=False
    ):
        raise CommandError(f"node {chosen.name} does not end; try `v6-node stop --force`")
