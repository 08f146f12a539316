"""``v6-node new``: makes a configuration file from answers, and asks the server about the node."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from node_poc.commands.check import findings_of, node_facts
from node_poc.crypto.keys import make_private_key, private_key_pem
from node_poc.manage.session import WELL, WRONG, CommandError, Options, tell
from node_poc.manage.station_file import choose, namespace_of
from node_poc.protocol.adapter import LookUpError, NodeFacts
from node_poc.storage.authorities import TrustError
from node_poc.storage.private_key import KeyFileError, write_private_key
from node_poc.storage.whole_files import write_new

_HEAD = "# Made by `v6-node new`; docs/configuration.md describes all keys. Holds the API key.\n"
_DATABASE = re.compile(r"(?P<label>[A-Za-z_][A-Za-z0-9_]*)=(?P<type>[a-z]+):(?P<uri>.+)")


@dataclass(frozen=True)
class Answers:
    """What a data manager says about the new node.

    Attributes:
        databases: texts of the form ``LABEL=TYPE:URI``.
        claims: names of the volume claims of ``task_dir`` and of the databases; empty for folders.
        claim_sizes: sizes of these claims, which ``start`` makes; empty for claims of the site.
        storage_class: StorageClass of the claims that are made; None for the cluster's default.
        access_mode: of the claims that are made; None for the configuration's default.
        private_key: the organization's key; None makes or finds the key beside the file.
        is_offline: whether not to ask the server.
        encrypted: whether the collaboration is encrypted, if the server is not asked.
    """

    api_key: str = field(repr=False)
    server_url: str
    port: int | None
    api_path: str
    task_dir: str
    databases: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    claim_sizes: tuple[str, ...] = ()
    storage_class: str | None = None
    access_mode: str | None = None
    image: str | None = None
    allowed: tuple[str, ...] = ()
    log_level: str = "INFO"
    private_key: str | None = None
    is_offline: bool = False
    encrypted: bool = False


def new_path(options: Options) -> Path:
    """Return the path of the new file. Raises CommandError if a file is there already."""
    if options.config is None and options.name is None:
        raise CommandError("give the new node a name: --name NAME", WRONG)
    path = options.config or options.place.file(options.name or "")
    if path.exists():
        raise CommandError(
            f"{path} is there already; choose another name, or edit the file",
            WRONG,
        )
    return path


def new(options: Options, answers: Answers) -> int:
    """Write the file, and the private key where one is needed. Returns the exit code.

    Raises CommandError, ConfigError, NoSuchNodeError.
    """
    path = new_path(options)
    values = values_of(answers, path.stem, options.namespace)
    made = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, values)
        made.append(path)
        facts = None if answers.is_offline else _ask(path)
        if facts.encrypted if facts else answers.encrypted:
            key, is_new = _key(path, answers, facts)
            made += [key] if is_new else []
            values["encryption"] = {"enabled": True, "private_key": str(key)}
            path.unlink()
            _write(path, values)
        _check(path)
    except BaseException:
        for each in made:
            with suppress(FileNotFoundError):
                each.unlink()
        raise
    tell(f"{path} written; next: `v6-node start --name {path.stem}`")
    return WELL


def _check(path: Path) -> None:
    errors = [each for each in findings_of(choose(path).config, path) if each.is_error]
    if errors:
        raise CommandError("\n".join(each.text for each in errors), WRONG)


def values_of(answers: Answers, name: str, namespace: str | None) -> dict[str, Any]:
    """PURE: return the values of the new file. Raises CommandError for a wrong database."""
    section: dict[str, Any] = {"node_name": name, "namespace": namespace or namespace_of(name)}
    if answers.image:
        section["node_image"] = answers.image
    if answers.claims:
        section["storage"] = _storage(answers)
    policies = {"allowed_algorithms": list(answers.allowed)} if answers.allowed else {}
    return {
        "api_key": answers.api_key,
        "server_url": answers.server_url,
        "port": answers.port,
        "api_path": answers.api_path,
        "task_dir": answers.task_dir,
        "databases": [database_of(text) for text in answers.databases],
        "encryption": {"enabled": False},
        "policies": policies,
        "logging": {"level": answers.log_level},
        "kubernetes": section,
    }


def _storage(answers: Answers) -> dict[str, Any]:
    claim, databases_claim = answers.claims
    made: dict[str, Any] = {"mode": "pvc", "claim": claim, "databases_claim": databases_claim}
    if answers.claim_sizes:
        made["size"], made["databases_size"] = answers.claim_sizes
    if answers.storage_class:
        made["storage_class"] = answers.storage_class
    if answers.access_mode:
        made["access_mode"] = answers.access_mode
    return made


def database_of(text: str) -> dict[str, str]:
    """PURE: return a database from ``LABEL=TYPE:URI``. Raises CommandError."""
    found = _DATABASE.fullmatch(text)
    if found is None:
        raise CommandError(
            "--database: write LABEL=TYPE:URI, for example default=csv:/srv/v6/employees.csv", WRONG
        )
    return found.groupdict()


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write the file for its owner only; a file that is there already stays."""
    text = _HEAD + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    try:
        write_new(path, text.encode())
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({error.strerror})") from error


def _ask(path: Path) -> NodeFacts | None:
    chosen = choose(path)
    try:
        facts = node_facts(chosen.config, path)
    except (LookUpError, TrustError) as error:
        raise CommandError(
            f"{error}\nno file is written; --offline writes the file without asking the server"
        ) from error
    if facts:
        state = "encrypted" if facts.encrypted else "not encrypted"
        tell(
            f"the server (vantage6 {facts.version}) knows this node: organization "
            f"{facts.organization!r}, collaboration {facts.collaboration!r}, {state}"
        )
    return facts


def _key(path: Path, answers: Answers, facts: NodeFacts | None) -> tuple[Path, bool]:
    """Return the organization's private key, and whether the key is new. Raises CommandError."""
    if answers.private_key:
        return Path(answers.private_key).absolute(), False
    key = key_path(path.parent, facts.organization if facts else path.stem)
    if key.exists():
        tell(f"the private key in {key} is used")
        return key, False
    if facts and facts.has_public_key:
        raise CommandError(
            f"organization {facts.organization!r} has a key already: copy the private key here "
            "and give --private-key FILE; a new one would make former results unreadable"
        )
    try:
        write_private_key(key, private_key_pem(make_private_key()), overwrite=False)
    except KeyFileError as error:
        raise CommandError(str(error)) from error
    tell(f"{key} made: keep a copy in a safe place, all nodes of the organization share this key")
    return key, True


def key_path(folder: Path, organization: str) -> Path:
    """Return the path of an organization's private key, named as vantage6 names it."""
    return folder / f"privkey_{re.sub(r'[^A-Za-z0-9_.-]', '_', organization)}.pem"
