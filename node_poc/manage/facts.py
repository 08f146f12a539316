"""``v6-node files`` and ``version``: where things lie, and which versions work together."""

from __future__ import annotations

import json

from node_poc import __version__
from node_poc.manage.session import WELL, Options, view_of


def files(options: Options) -> int:
    """Print the configuration file, the places of the data, and where the log is."""
    chosen = options.chosen()
    config = chosen.config
    in_claims = config.kubernetes.storage.mode == "pvc"
    claim = f" in claim {config.kubernetes.storage.claim}" if in_claims else " on the machines"
    lines = [("configuration", str(chosen.path)), ("log", f"v6-node logs --name {chosen.name}")]
    lines.append(("data folder", f"{config.task_dir}{claim}"))
    if config.encryption.enabled:
        lines.append(("private key", str(chosen.path.parent / config.encryption.key_file)))
    lines += [
        (f"database {each.label}", each.uri) for each in config.databases if not each.is_service
    ]
    lines += [
        (f"database {each.label}", f"a service of type {each.type}")
        for each in config.databases
        if each.is_service
    ]
    for name, value in lines:
        print(f"{name:20} {value}")
    return WELL


def version(options: Options, *, is_chosen: bool) -> int:
    """Print the versions of the command and, for a chosen node, of the running node, as JSON."""
    known: dict[str, str | None] = {"cli": __version__}
    if is_chosen:
        chosen = options.chosen()
        known = {"node": view_of(options.objects(), chosen).version(), **known}
    print(json.dumps(known))
    return WELL
