"""The contents of a server: organizations with keys, users, collaborations, nodes with API keys."""

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
    """The contents of a server; ``data`` is the result of ``inside/provisioning.py``."""

    server: DevServer
    data: dict[str, Any]

    def organization(self, name: str) -> int:
        """Return the id of an organization."""
        return int(self.data["organizations"][name]["id"])

    def private_key(self, organization: str) -> Path | None:
        """Return the organization's private key file; None without an encrypted collaboration."""
        path = self.data["organizations"][organization]["private_key"]
        return Path(path) if path else None

    def collaboration(self, name: str) -> int:
        """Return the id of a collaboration."""
        return int(self.data["collaborations"][name]["id"])

    def node(self, collaboration: str, organization: str) -> dict[str, Any]:
        """Return a node: ``id``, ``name`` and ``api_key``."""
        node: dict[str, Any] = self.data["collaborations"][collaboration]["nodes"][organization]
        return node

    def add_collaboration(
        self, root: Client, name: str, organizations: list[str], *, encrypted: bool = False
    ) -> int:
        """Create one more collaboration with nodes, recorded in memory only; return its id.

        ``root`` is the client of ``root_client()``; the caller keeps the client, because a login
        takes a second.
        """
        ids = {organization: self.organization(organization) for organization in organizations}
        made = root.call("add_collaboration", name=name, organizations=ids, encrypted=encrypted)
        self.data["collaborations"][name] = made
        return int(made["id"])

    def root_client(self) -> Client:
        """Return a logged-in client of the user with all rights."""
        return Client(self.server, "root", self.server.root_password)

    def client(self, username: str, *, encrypted: bool = False) -> Client:
        """Return a logged-in client; ``encrypted``: with the private key of the organization."""
        user = self.data["users"][username]
        key = self.private_key(user["organization"]) if encrypted else None
        return Client(self.server, username, user["password"], key)


def provision(server: DevServer, plan: dict[str, Any] | None = None) -> World:
    """Create the plan's contents, once: a folder with contents keeps them.

    Args:
        server: a running server.
        plan: as described in ``inside/provisioning.py``; DEFAULT_PLAN if None.

    Raises:
        ClientError: the server refused a request.
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
    """Return the contents created on this server before; None if there are none."""
    path = server.folder / "world.json"
    return World(server, json.loads(path.read_text())) if path.exists() else None
