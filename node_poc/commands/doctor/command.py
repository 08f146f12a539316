"""The order of the examination, and its output."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from node_poc.cluster.connect import KubernetesApi, NoClusterError, connect
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects
from node_poc.commands.check import ask_server, findings_of
from node_poc.commands.doctor import (
    audit_trail,
    cluster,
    images,
    machines,
    namespace,
    own_pods,
    protections,
    quotas,
    storage,
    walls,
)
from node_poc.commands.doctor.lines import Line, exit_code, failure, ok, warning
from node_poc.commands.doctor.rights import TOO_MUCH, needed_rights
from node_poc.commands.render import rights_of
from node_poc.config.findings import Finding
from node_poc.config.model import NodeConfig
from node_poc.observe.health import HEALTH_PORT

EXIT_CODES = """\
exit codes:
  0  no failure; warnings are for you to judge
  1  a failure: runs would not work, or not be isolated
  4  no cluster that answers
"""
_REFUSED = "with the node's Role, this question is allowed: apply the node's objects again"


HELP = "examine configuration, server, cluster and walls; starts ten small pods for 30 s"


def add_options(made: argparse.ArgumentParser) -> None:
    """Add the options of ``doctor``, except the kubeconfig context."""
    made.add_argument("--health-port", type=int, default=HEALTH_PORT, metavar="PORT")
    made.add_argument("--json", action="store_true", help="print a list of objects")
    made.add_argument(
        "--no-pods",
        action="store_true",
        help="start no pods: no self-test of the walls, no test of the pods' protections",
    )


def doctor_as_asked(given: argparse.Namespace, config: NodeConfig, path: Path) -> int:
    """Call ``doctor`` with the options of ``add_options``, and with ``given.context``."""
    return doctor(
        config,
        path,
        context=given.context,
        health_port=None if given.no_pods else given.health_port,
        as_json=given.json,
        out=sys.stdout,
    )


def doctor(
    config: NodeConfig,
    path: Path,
    *,
    context: str | None,
    health_port: int | None,
    as_json: bool = False,
    out: TextIO,
) -> int:
    """Print all findings, each when it is known, and return the exit code (``EXIT_CODES``).

    Args:
        config: the node's configuration, loaded from ``path``.
        path: the configuration file.
        context: the kubeconfig context, used only outside a pod.
        health_port: the port of the node's health server, a target of the self-test. None: start no
            pods, which means no self-test, and no test of the protections of pods.
        as_json: whether to print one list of objects at the end.
        out: receives the findings. Errors go to stderr.
    """
    lines = []
    try:
        api = connect(context)
        version = list(cluster.look_at_version(api))
    except (NoClusterError, ClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    tests = iter(()) if health_port is None else _with_pods(config, api, health_port)
    for line in chain(_examine(config, path, api, version), tests):
        lines.append(line)
        if not as_json:
            print(line, file=out, flush=True)
    if as_json:
        print(json.dumps([line.to_dict() for line in lines], indent=1), file=out)
    return exit_code(lines)


def _examine(
    config: NodeConfig, path: Path, api: KubernetesApi, version: Iterable[Line]
) -> Iterator[Line]:
    yield from _of_findings("the configuration", findings_of(config, path))
    said, found = ask_server(config, path)
    yield from map(ok, said)
    yield from _of_findings("the server", found)
    yield from version
    objects = ClusterObjects(api, config.kubernetes.namespace)
    needed, excess = list(needed_rights(rights_of(config))), list(TOO_MUCH)
    yield from _guarded(lambda: cluster.look_at_rights(config, api, needed, excess))
    yield from _guarded(lambda: cluster.look_at_lease(config, api))
    yield from _guarded(lambda: cluster.look_at_proxy(config, objects))
    yield from cluster.look_at_jobs(config, objects)
    yield from _guarded(lambda: audit_trail.look_at_audit(config, api))
    yield images.of_node(config.kubernetes.node_image)
    yield from images.look_at_images(config)
    yield from _surroundings(config, api)
    yield from _guarded(lambda: walls.look_at_policies(config, api))


def _with_pods(config: NodeConfig, api: KubernetesApi, health_port: int) -> Iterator[Line]:
    yield from protections.try_protections(config, api)
    yield from walls.make_self_test(config, api, health_port)


def _surroundings(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the findings about objects that the node's Role does not show."""
    looks = {
        "its Deployments": own_pods.look_at_own_pods,
        "the namespace": namespace.look_at_namespace,
        "quotas": quotas.look_at_quotas,
        "storage": storage.look_at_storage,
        "machines": machines.look_at_machines,
    }
    hidden = []
    for subject, look in looks.items():
        try:
            yield from look(config, api)
        except ClusterError as error:
            if error.is_forbidden:
                hidden.append(subject)
            else:
                yield failure(str(error)[:300])
    if hidden:
        yield warning(
            f"not examined, because these rights do not show them: {', '.join(hidden)}",
            "run doctor outside the pod with an administrator's kubeconfig (--context)",
        )


def _of_findings(subject: str, findings: Iterable[Finding]) -> Iterator[Line]:
    found = [failure(each.text) if each.is_error else warning(each.text) for each in findings]
    yield from found or [ok(f"{subject}: nothing to remark")]


def _guarded(look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """Yield the findings of one question; a cluster that refuses is a finding, too."""
    try:
        yield from look()
    except ClusterError as error:
        yield failure(str(error)[:300], _REFUSED)
