"""``v6-node diff``: the configuration file against the cluster, by a server-side dry run."""

from __future__ import annotations

from node_poc.commands.render import RenderError
from node_poc.manage.application import Application
from node_poc.manage.plan import Notes, show_difference
from node_poc.manage.session import FAILED, WELL, WRONG, CommandError, Options, tell, view_of
from node_poc.manage.station_file import NoImageError
from node_poc.manage.view import NodeView
from node_poc.manifests import identity


def diff(options: Options) -> int:
    """Print how the file differs from the cluster; return 0 for no difference, otherwise 1."""
    chosen = options.chosen()
    objects = options.objects()
    view = view_of(objects, chosen)
    try:
        wanted = chosen.objects(_notes(view, chosen.name, chosen.config.server_address))
    except (RenderError, NoImageError) as error:
        raise CommandError(str(error), WRONG) from error
    differs = False
    for change in Application(objects, wanted, view.selector, tell).try_out():
        if change.verb != "unchanged":
            differs = True
            print(*show_difference(change), sep="\n")
    if not differs:
        tell("the cluster is as the file says")
    return FAILED if differs else WELL


def _notes(view: NodeView, name: str, server: str) -> Notes:
    """Return notes with the names that ``start`` learned from the server: no part of the file."""
    live = view.deployment(identity.COMPONENT_NODE) or {"metadata": {}}
    known = live["metadata"].get("annotations") or {}
    return Notes(
        name,
        server,
        known.get(identity.ANNOTATION_COLLABORATION, ""),
        known.get(identity.ANNOTATION_ORGANIZATION, ""),
    )
