"""``v6-node start``: brings the cluster to what the configuration file says."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass

from node_poc.cluster.errors import ClusterError
from node_poc.commands.check import findings_of, node_facts
from node_poc.commands.render import RenderError
from node_poc.manage.application import Application
from node_poc.manage.plan import Notes, show_difference
from node_poc.manage.session import (
    FAILED,
    INTERRUPTED,
    WELL,
    WRONG,
    CommandError,
    Options,
    tell,
    view_of,
)
from node_poc.manage.station_file import Chosen, NoImageError
from node_poc.manage.view import NodeView
from node_poc.manage.waiting import wait_online
from node_poc.manifests.yaml_output import to_yaml
from node_poc.protocol.adapter import LookUpError
from node_poc.storage.authorities import TrustError

_AFTER_RESTORE_SECONDS = 90.0


@dataclass(frozen=True)
class StartOptions:
    """The options of ``start`` alone.

    Attributes:
        dry_run: change nothing, and show the changes.
        output: ``yaml`` or ``json`` prints the objects and changes nothing.
        wait_seconds: the longest wait for the server; 0 does not wait.
        keep: leave a node that does not come up as it is, for a person to look at.
    """

    dry_run: bool = False
    output: str | None = None
    wait_seconds: float = 180.0
    keep: bool = False


def start(options: Options, more: StartOptions) -> int:
    """Start the node, or change a running node to its file. Returns the exit code.

    Raises:
        CommandError, ClusterError, NoClusterError, ConfigError, NoSuchNodeError: see ``cli.py``.
    """
    chosen = options.chosen()
    wanted = _wanted(chosen, ask=not (more.output or more.dry_run))
    if more.output:
        _print(wanted, more.output)
        return WELL
    objects = options.objects()
    view = view_of(objects, chosen)
    application = Application(objects, wanted, view.selector, tell)
    if more.dry_run:
        return _show(application)
    return _bring_up(application, view, chosen, more)


def _wanted(chosen: Chosen, *, ask: bool) -> list[dict[str, object]]:
    """Return the objects of the file, after its findings. Raises CommandError for errors."""
    errors = []
    for finding in findings_of(chosen.config, chosen.path):
        if finding.is_error:
            errors.append(str(finding))
        else:
            tell(str(finding))
    if errors:
        raise CommandError("\n".join([f"{chosen.path}: nothing is started", *errors]), WRONG)
    try:
        return chosen.objects(_notes(chosen) if ask else None)
    except (RenderError, NoImageError) as error:
        raise CommandError(str(error), WRONG) from error


def _notes(chosen: Chosen) -> Notes:
    """Return the facts for ``list``, from the server where this machine reaches the server."""
    address = chosen.config.server_address
    try:
        facts = node_facts(chosen.config, chosen.path)
    except LookUpError as error:
        if error.is_refused:
            raise CommandError(
                f"{chosen.path}: api_key: the server refuses the key ({error}); nothing is "
                "started: set this node's key with `v6-node set-api-key`",
                WRONG,
            ) from error
        tell(f"warning: the server is not asked from here: {error}")
        return Notes(chosen.name, address)
    except TrustError as error:
        raise CommandError(str(error), WRONG) from error
    if facts is None:
        return Notes(chosen.name, address)
    return Notes(chosen.name, address, facts.collaboration, facts.organization)


def _print(wanted: list[dict[str, object]], output: str) -> None:
    if output == "json":
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}, indent=2))
    else:
        sys.stdout.write(to_yaml(wanted))


def _show(application: Application) -> int:
    changes = application.try_out()
    for change in changes:
        print(f"{change.key} would be {change.verb}".replace("be unchanged", "stay unchanged"))
        if change.verb == "changed":
            print(*show_difference(change), sep="\n")
    return WELL


def _bring_up(application: Application, view: NodeView, chosen: Chosen, more: StartOptions) -> int:
    was_there = view.deployment("node") is not None
    try:
        changes = application.apply()
    except ClusterError as error:
        _put_back(application, view, str(error), was_there=was_there)
        return FAILED
    except KeyboardInterrupt:
        _put_back(application, view, "Ctrl-C", was_there=was_there)
        return INTERRUPTED
    if all(change.verb == "unchanged" for change in changes):
        tell("all objects are as the file says")
    if not more.wait_seconds:
        application.prune()
        tell(f"applied; `v6-node status --name {chosen.name}` shows whether the node is online")
        return WELL
    try:
        outcome = wait_online(view, tell, more.wait_seconds)
    except KeyboardInterrupt:
        application.prune()
        tell(
            f"\nthe new configuration is applied and the node goes on starting without this "
            f"command; `v6-node status --name {chosen.name}` shows how far it is"
        )
        return INTERRUPTED
    if not outcome.is_online:
        reasons = "\n  ".join(outcome.reasons)
        if more.keep:
            tell(f"error: node {chosen.name} is not online:\n  {reasons}\nit is kept as it is")
        else:
            _put_back(application, view, reasons, was_there=was_there)
        return FAILED
    application.prune()
    tell(f"node {chosen.name} is online at {chosen.config.server_address}")
    return WELL


def _put_back(application: Application, view: NodeView, why: str, *, was_there: bool) -> None:
    """Put back the former objects; Ctrl-C waits meanwhile, so that no mixture is left."""
    tell(f"error: the node did not come up:\n  {why}")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        application.put_back()
        if not was_there:
            tell("the objects are removed again; --keep leaves them for a closer look")
            return
        tell("the former configuration is put back")
        deployment = view.deployment("node")
        if deployment is None or not deployment["spec"].get("replicas", 1):
            tell("the node is stopped, as before")
        elif wait_online(view, tell, _AFTER_RESTORE_SECONDS, again=True).is_online:
            tell("the node is online again with the former configuration")
        else:
            tell("the node is not online yet with the former configuration: see `v6-node status`")
    except ClusterError as error:
        tell(f"error: the former objects are not all back ({error}): run `v6-node start` again")
    finally:
        signal.signal(signal.SIGINT, before)
