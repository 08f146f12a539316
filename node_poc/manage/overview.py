"""``v6-node list`` and ``status``: the nodes of the cluster, and the files without a node."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from node_poc.cluster.applying import NodeObjects
from node_poc.cluster.errors import ClusterError
from node_poc.config.errors import ConfigError
from node_poc.manage.health import Part, Phase, overall
from node_poc.manage.session import NO_CLUSTER, OFFLINE, WELL, Options, tell, view_of
from node_poc.manage.station_file import Chosen, choose
from node_poc.manage.view import NodeView
from node_poc.manifests import identity

Object = dict[str, Any]
_PLAIN_WIDTH = 10_000
_NODES = f"{identity.LABEL_PART_OF}={identity.PART_OF},{identity.LABEL_COMPONENT}=node"
_FILE_ONLY = "not in the cluster"
_BROKEN = "file has errors"


@dataclass(frozen=True)
class Row:
    """A node of the cluster, or a file without a node. Empty texts: not known.

    Attributes:
        state: of the pods. `online`: node and proxy are ready; the node is ready only while the
            server accepts its connection.
        version: of the node at work, as the node itself writes it on its Lease.
        image: tag or digest of the image that the node runs.
    """

    name: str
    namespace: str
    state: str
    server: str = ""
    collaboration: str = ""
    organization: str = ""
    version: str = ""
    image: str = ""
    runs_in_flight: int | None = None
    file: str = ""


def list_nodes(options: Options, *, output: str | None) -> int:
    """Print all nodes that this person may see. Returns the exit code. Raises ClusterError."""
    objects = options.objects()
    files = dict(_files(options))
    deployments, code = _deployments(objects, options, files.values())
    rows = [_row(objects, each, files) for each in deployments]
    for name, chosen in files.items():
        if chosen is None:
            rows.append(Row(name, "", _BROKEN, file=str(options.place.file(name))))
        elif not any(row.file == str(chosen.path) for row in rows):
            server = chosen.config.server_address
            rows.append(Row(name, chosen.namespace, _FILE_ONLY, server, file=str(chosen.path)))
    _print(sorted(rows, key=lambda row: (row.namespace, row.name)), output)
    return code


def _files(options: Options) -> Iterable[tuple[str, Chosen | None]]:
    for name in options.place.names():
        try:
            yield name, choose(options.place.file(name), namespace=options.namespace)
        except ConfigError as error:
            tell(f"warning: {error}")
            yield name, None


def _deployments(
    objects: NodeObjects, options: Options, files: Iterable[Chosen | None]
) -> tuple[list[Object], int]:
    """Return the nodes' Deployments of all namespaces; without the right, of the files' ones."""
    if options.namespace is None:
        try:
            return objects.list_kind("Deployment", None, _NODES), WELL
        except ClusterError as error:
            if not error.is_forbidden:
                raise
            tell("note: only namespaces of your files are shown, for lack of the right to see all")
    spaces = {options.namespace} if options.namespace else {x.namespace for x in files if x}
    found: list[Object] = []
    code = WELL
    for space in sorted(filter(None, spaces)):
        try:
            found += objects.list_kind("Deployment", space, _NODES)
        except ClusterError as error:
            tell(f"warning: namespace {space} is not shown: {error}")
            code = NO_CLUSTER
    return found, code


def _row(objects: NodeObjects, deployment: Object, files: dict[str, Chosen | None]) -> Row:
    metadata = deployment["metadata"]
    notes, label = metadata.get("annotations") or {}, metadata["labels"].get(identity.LABEL_NODE)
    own = next(
        (
            each
            for each in files.values()
            if each and (each.namespace, each.identity.node_label) == (metadata["namespace"], label)
        ),
        None,
    )
    view = NodeView(objects, metadata["namespace"], label) if label else None
    (container,) = deployment["spec"]["template"]["spec"]["containers"][:1]
    return Row(
        name=own.name if own else notes.get(identity.ANNOTATION_NODE_NAME, metadata["name"]),
        namespace=metadata["namespace"],
        state=str(overall(view.parts())) if view else "",
        server=notes.get(identity.ANNOTATION_SERVER) or (own.config.server_address if own else ""),
        collaboration=notes.get(identity.ANNOTATION_COLLABORATION, ""),
        organization=notes.get(identity.ANNOTATION_ORGANIZATION, ""),
        version=view.version_on_lease() if view else "",
        image=short_image(container["image"]),
        runs_in_flight=len(view.runs_in_flight()) if view else None,
        file=str(own.path) if own else "",
    )


def short_image(image: str) -> str:
    """PURE: return the tag of an image, or the start of its digest."""
    name, _, digest = image.partition("@")
    if digest:
        return digest[:19]
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or "latest"


def _print(rows: list[Row], output: str | None) -> None:
    if output == "json":
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("NAME", "NAMESPACE", "STATE", "SERVER", "COLLABORATION", "ORGANIZATION"):
        table.add_column(title, no_wrap=True)
    table.add_column("VERSION", no_wrap=True)
    table.add_column("IMAGE", no_wrap=True)
    table.add_column("RUNS", justify="right")
    for row in rows:
        runs = "-" if row.runs_in_flight is None else str(row.runs_in_flight)
        texts = (row.server, row.collaboration, row.organization, row.version, row.image)
        shown = (text or "-" for text in (row.name, row.namespace, row.state, *texts))
        table.add_row(*shown, runs)
    console = Console(file=sys.stdout, highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, markup=False, width=_PLAIN_WIDTH)
    console.print(table)


def status(options: Options, *, output: str | None) -> int:
    """Print one node's state; return 0 if the node is online, 3 otherwise. Raises ClusterError."""
    chosen, objects = options.chosen(), options.objects()
    view = view_of(objects, chosen)
    parts = view.parts()
    phase = overall(parts)
    runs = len(view.runs_in_flight())
    facts = {
        "name": chosen.name,
        "state": str(phase),
        "server": chosen.config.server_address,
        "namespace": chosen.namespace,
        "file": str(chosen.path),
        "runs_in_flight": runs,
        "parts": {part.name: str(part.phase) for part in parts},
        "reasons": list(_reasons(view, parts)),
    }
    if output == "json":
        print(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            for line in value if isinstance(value, list) else [_text(value)]:
                print(f"{name:15} {line}")
    return WELL if phase is Phase.ONLINE else OFFLINE


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {state}" for name, state in value.items())
    return str(value)


def _reasons(view: NodeView, parts: list[Part]) -> Iterable[str]:
    for part in parts:
        if part.phase is Phase.STARTING:
            yield from (f"{part.name}: {trouble}" for trouble in part.troubles)
            yield from (f"{part.name}'s log: {line}" for line in view.last_words(part))
