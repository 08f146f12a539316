"""Who there is on a server: organizations with keys, users, collaborations, nodes with API keys."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devserver.client import Client
from devserver.server import DevServer

#: Two organizations, one administrator and one researcher, a plain and an encrypted collaboration.
DEFAULT_PLAN: dict[str, Any] = {
    "organizations": ["alpha", "beta"],
    "users": {
        "admin": {"organization": "alpha", "role": "Collaboration Admin"},
        "researcher": {"organization": "alpha", "role": "Researcher"},
    },
    "collaborations": {
        "plain": {"organizations": ["alpha", "beta"], "encrypted": False},
        "encrypted": {"organizations": ["alpha", "beta"], "encrypted": True},
    },
}


@dataclass(frozen=True)
class World:
    """What was made on a server; ``data`` is what ``inside/provisioning.py`` returns."""

    server: DevServer
    data: dict[str, Any]

    def organization(self, name: str) -> int:
        """Id of an organization."""
        return int(self.data["organizations"][name]["id"])

    def private_key(self, organization: str) -> Path | None:
        """File of an organization's private key; None if no collaboration is encrypted."""
        path = self.data["organizations"][organization]["private_key"]
        return Path(path) if path else None

    def collaboration(self, name: str) -> int:
        """Id of a collaboration."""
        return int(self.data["collaborations"][name]["id"])

    def node(self, collaboration: str, organization: str) -> dict[str, Any]:
        """A node: ``id``, ``name`` and ``api_key``."""
        node: dict[str, Any] = self.data["collaborations"][collaboration]["nodes"][organization]
        return node

    def add_collaboration(
        self, root: Client, name: str, organizations: list[str], *, encrypted: bool = False
    ) -> int:
        """Make one more collaboration with nodes, in memory only; returns its id.

        ``root`` is ``root_client()``'s, kept by the caller because a login takes a second.
        """
        ids = {organization: self.organization(organization) for organization in organizations}
        made = root.call("add_collaboration", name=name, organizations=ids, encrypted=encrypted)
        self.data["collaborations"][name] = made
        return int(made["id"])

    def root_client(self) -> Client:
        """The user who may do everything, logged in."""
        return Client(self.server, "root", self.server.root_password)

    def client(self, username: str, *, encrypted: bool = False) -> Client:
        """A user, logged in; ``encrypted`` with the private key of the user's organization."""
        user = self.data["users"][username]
        key = self.private_key(user["organization"]) if encrypted else None
        return Client(self.server, username, user["password"], key)


def provision(server: DevServer, plan: dict[str, Any] | None = None) -> World:
    """Make what the plan names, once: a folder that has a world keeps it.

    Args:
        server: must run.
        plan: as ``inside/provisioning.py`` tells; DEFAULT_PLAN if None.

    Raises:
        ClientError: the server refused something.
    """
    known = load(server)
    if known is not None:
        return known
    root = Client(server, "root", server.root_password)
    try:
        keys = str(server.folder / "keys")
        made = root.call("provision", plan={**(plan or DEFAULT_PLAN), "keys": keys})
    finally:
        root.close()
    path = server.folder / "world.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(made, file, indent=1)
    return World(server, made)


def load(server: DevServer) -> World | None:
    """What was made on this server before; None if nothing."""
    path = server.folder / "world.json"
    return World(server, json.loads(path.read_text())) if path.exists() else None
