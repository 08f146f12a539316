"""``v6-node create-private-key``: makes the organization's key, and tells the server and the file.

The order keeps what exists: the key is on disk before the server knows its public half, and the
configuration names the key last.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_poc.config.load import read_text
from node_poc.config.model import NodeConfig
from node_poc.crypto.errors import PrivateKeyError
from node_poc.crypto.keys import (
    KeyMatch,
    compare_public_key,
    make_private_key,
    private_key_pem,
    public_key_text,
)
from node_poc.manage.edit import replace_text
from node_poc.manage.new import key_path
from node_poc.manage.session import WELL, WRONG, CommandError, Options, ask, tell
from node_poc.manage.yaml_edit import with_value
from node_poc.protocol.vantage6.rest.session import api_base
from node_poc.protocol.vantage6.user import User, UserError
from node_poc.storage.private_key import KeyFileError, read_private_key, write_private_key

PASSWORD_VARIABLE = "V6_PASSWORD"  # noqa: S105  a name, no password


@dataclass(frozen=True)
class KeyOptions:
    """The options of ``create-private-key``.

    Attributes:
        upload: whether to set the public key at the server.
        organization: the organization's name; required without upload.
        overwrite: replace a key file that is there; what was encrypted for it is lost.
        username: the person's name at the server.
        mfa_code: the code of the second factor.
    """

    upload: bool = True
    organization: str | None = None
    overwrite: bool = False
    username: str | None = None
    mfa_code: str | None = None


def create_key(options: Options, more: KeyOptions) -> int:
    """Make the key. Returns the exit code. Raises CommandError, ConfigError, NoSuchNodeError."""
    chosen = options.chosen()
    user = _log_in(chosen.config, more) if more.upload else None
    try:
        known = user.organization() if user else {}
    except UserError as error:
        raise CommandError(str(error)) from error
    name = more.organization or str(known.get("name") or "")
    if not name:
        raise CommandError("give --organization-name NAME", WRONG)
    if known and known.get("name") != name:
        raise CommandError(
            f"you belong to organization {known.get('name')!r} at the server, and set the key of "
            "that one only: leave --organization-name out",
            WRONG,
        )
    path = key_path(chosen.path.parent, name)
    _refuse_other_key(path, known, overwrite=more.overwrite)
    text = _make(path, overwrite=more.overwrite)
    if user is not None:
        _upload(user, known, path, text)
    section = {"enabled": True, "private_key": str(path.absolute())}
    replace_text(chosen.path, with_value(read_text(chosen.path), "encryption", section))
    tell(f"{chosen.path}: encryption.private_key set; `v6-node start` brings it to the cluster")
    return WELL


def _log_in(config: NodeConfig, more: KeyOptions) -> User:
    username = more.username or ask("Username at the server", "--username")
    password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        if not sys.stdin.isatty():
            raise CommandError(f"give the password in {PASSWORD_VARIABLE}", WRONG)
        password = getpass.getpass("Password: ")
    base = api_base(config.server_address, config.api_path)
    try:
        return User(base, username, password, more.mfa_code)
    except UserError as error:
        raise CommandError(f"the login failed: {error}; nothing is changed") from error


def _make(path: Path, *, overwrite: bool) -> str:
    """Make the key, or take the one of an interrupted command; return the public key."""
    try:
        if path.exists() and not overwrite:
            tell(f"the private key in {path} is used; --overwrite makes another")
            return public_key_text(read_private_key(path))
        key = make_private_key()
        write_private_key(path, private_key_pem(key), overwrite=overwrite)
    except (KeyFileError, PrivateKeyError) as error:
        raise CommandError(str(error)) from error
    tell(f"{path} written: keep a copy in a safe place")
    return public_key_text(key)


def _refuse_other_key(path: Path, known: dict[str, Any], *, overwrite: bool) -> None:
    """Refuse to replace a key at the server that nobody agreed to lose. Raises CommandError."""
    shown = known.get("public_key")
    if not shown or overwrite:
        return
    try:
        if path.exists() and compare_public_key(read_private_key(path), shown) is KeyMatch.SAME:
            return
    except PrivateKeyError as error:
        raise CommandError(str(error)) from error
    raise CommandError(
        f"organization {known.get('name')!r} has another public key at the server: copy its "
        f"private key to {path}, or give --overwrite; what was encrypted for it is lost then"
    )


def _upload(user: User, known: dict[str, Any], path: Path, text: str) -> None:
    """Set the public key at the server, unless the same key is there. Raises CommandError."""
    if compare_public_key(read_private_key(path), known.get("public_key")) is KeyMatch.SAME:
        tell("the server has this public key already")
        return
    try:
        user.set_public_key(int(known["id"]), text)
    except UserError as error:
        raise CommandError(f"{path} is made, but the server lacks the key: {error}") from error
    tell("the server has the public key")
