"""``python -m node_poc check``: reports errors and doubts about a configuration before the start.

Errors keep the node, or runs, from working: exit code 2. Warnings are for a person to judge: exit
code 0. To add a check, add a function from configuration and path to findings to ``_CHECKS``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from node_poc.config.extra_mounts import mounts_in
from node_poc.config.findings import Finding, error, warning
from node_poc.config.model import NodeConfig
from node_poc.config.outside import CERTIFICATE_VARIABLES, PROXY_VARIABLES
from node_poc.crypto.certificates import doubts_about
from node_poc.crypto.errors import PrivateKeyError
from node_poc.manifests.identity import Identity
from node_poc.manifests.pull_secret import pull_secret_names
from node_poc.protocol.adapter import NodeFacts, load_adapter
from node_poc.runs.cautions import LATE_WALLS, cautions
from node_poc.storage.authorities import TrustError, sites_certificates, trust_the_sites_authorities
from node_poc.storage.private_key import organization_key
from node_poc.storage.site_check import facts_for_the_server, look_at_files, look_at_places
from node_poc.storage.sqlite_files import look_at_sqlite

EXIT_CODES = """\
exit codes:
  0  no error; warnings are for you to judge
  2  an error: the node, or runs, would not work with this file
"""

_PROCESSES = (
    "this command cannot see whether the cluster limits the number of processes in a pod; the "
    "cluster's administrator sets podPidsLimit in the kubelet's configuration "
    '(docs/install-vantage6.md, "Limit processes")'
)
Check = Callable[[NodeConfig, Path], Iterable[Finding]]


def check(
    config: NodeConfig,
    path: Path,
    out: TextIO,
    err: TextIO = sys.stderr,
    *,
    elsewhere: bool = False,
    online: bool = False,
) -> int:
    """Print all findings and return the exit code.

    Args:
        config: the configuration loaded from ``path``.
        path: the configuration file.
        elsewhere: True if pods run on other machines, to skip checks of databases on this machine.
        out: receives warnings, and a description of what the node would do.
        err: receives errors.
        online: whether to ask the server as well.
    """
    findings = findings_of(config, path)
    if not elsewhere:
        findings += [each for look in _CHECKS_OF_THIS_MACHINE for each in look(config, path)]
    if online:
        said, found = ask_server(config, path)
        findings += found
        print(*said, sep="\n", end="\n" if said else "", file=out)
    errors = [each for each in findings if each.is_error]
    for finding in findings:
        print(finding, file=err if finding.is_error else out)
    if errors:
        print(f"{path}: {_count(len(errors), 'error')}; the node would not work", file=err)
        return 2
    _tell_good(config, path, len(findings), out)
    for fact in () if elsewhere else facts_for_the_server(config):
        print(fact, file=out)
    print(f"note: {LATE_WALLS}", file=out)
    print(f"note: {_PROCESSES}", file=out)
    return 0


def findings_of(config: NodeConfig, path: Path) -> list[Finding]:
    """Return the findings about the configuration alone, wherever its pods will run."""
    return [finding for look in _CHECKS for finding in look(config, path)]


def _tell_good(config: NodeConfig, path: Path, warnings: int, out: TextIO) -> None:
    good = f"no error, {_count(warnings, 'warning')}" if warnings else "good"
    databases = _count(len(config.databases), "database")
    print(f"{path}: {good}; {databases}, {config.server_address}", file=out)
    node_name = config.kubernetes.node_name
    print(
        f"node {node_name!r}: its objects are named {Identity(node_name).node_label}-...", file=out
    )
    for name in pull_secret_names(config):
        print(f"images are pulled with the Secret {name}", file=out)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def _cautions(config: NodeConfig, _: Path) -> Iterator[Finding]:
    for caution in cautions(config):
        yield warning(caution)


def _no_effect(config: NodeConfig, _: Path) -> Iterator[Finding]:
    for item in config.not_applied:
        yield warning(f"{item.key} has no effect here: {item.reason}")


def ask_server(config: NodeConfig, path: Path) -> tuple[list[str], list[Finding]]:
    """Ask the server as the node would; return sentences about server and node, and findings."""
    try:
        private_key = organization_key(config, path.parent)
    except PrivateKeyError:  # ``_key`` reports the error
        private_key = None
    try:
        with _way_of_the_node(config, path.parent):
            return load_adapter(config.kind).ask_server(config, private_key)
    except TrustError as found:
        return [], [error(f"the server is not asked: {found}")]


def node_facts(config: NodeConfig, path: Path) -> NodeFacts | None:
    """Return how the server knows the node; None for a kind of server without facts.

    Raises LookUpError, TrustError.
    """
    look_up = load_adapter(config.kind).look_up
    if look_up is None:
        return None
    with _way_of_the_node(config, path.parent):
        return look_up(config)


def _mounted_certificates(config: NodeConfig) -> dict[str, str]:
    """Return variables for the files of this machine that the pods see by ``node_extra_mounts``.

    Files that this machine does not have are left out: the pods may run elsewhere.
    """
    mounts = mounts_in(config.node_extra_mounts)
    found = {}
    for name in CERTIFICATE_VARIABLES:
        path = config.node_extra_env.get(name, "")
        source = next((each.source_of(path) for each in mounts if each.holds(path)), None)
        if source and Path(source).exists() and name not in os.environ:
            found[name] = source
    return found


@contextmanager
def _way_of_the_node(config: NodeConfig, folder: Path) -> Iterator[None]:
    """Use the node's certificate authorities and outer proxy for a while. Raises TrustError."""
    before = dict(os.environ)
    values = config.node_extra_env
    os.environ |= {name: values[name] for name in values if name.upper() in PROXY_VARIABLES}
    os.environ |= _mounted_certificates(config)
    try:
        trust_the_sites_authorities(config, folder)
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before


def _key(config: NodeConfig, path: Path) -> Iterator[Finding]:
    try:
        organization_key(config, path.parent)
    except PrivateKeyError as found:
        yield error(str(found))


def _authorities(config: NodeConfig, path: Path) -> Iterator[Finding]:
    try:
        text = sites_certificates(config, path.parent)
    except TrustError as found:
        yield error(str(found))
        return
    for doubt in doubts_about(text, time.time()) if text else ():
        yield warning(f"kubernetes.ca_file: {doubt}")


_CHECKS: tuple[Check, ...] = (_no_effect, _cautions, _key, _authorities)
_CHECKS_OF_THIS_MACHINE: tuple[Check, ...] = (look_at_places, look_at_files, look_at_sqlite)
