"""Create the contents of a fresh server with vantage6's own client. See ``provision``."""

import secrets
from pathlib import Path

from vantage6.common import bytes_to_base64s
from vantage6.common.encryption import RSACryptor


def provision(client, plan):
    """Create the plan's contents; the client must be root's.

    Args:
        client: a logged-in UserClient.
        plan: {"organizations": [NAME], "users": {USERNAME: {"organization": NAME, "role": ROLE}},
            "collaborations": {NAME: {"organizations": [NAME], "encrypted": BOOL}}, "keys": FOLDER
            for private keys}. Every organization gets a key pair if any collaboration is encrypted,
            and a node in each of its collaborations.

    Returns:
        {"organizations": {NAME: {"id", "private_key": PATH or None}},
        "users": {USERNAME: {"id", "password", "organization"}},
        "collaborations": {NAME: {"id", "encrypted", "nodes": {ORGANIZATION: {"id", "name",
        "api_key"}}}}}
    """
    encrypted = any(c["encrypted"] for c in plan["collaborations"].values())
    folder = Path(plan["keys"]) if encrypted else None
    organizations = {name: _organization(client, name, folder) for name in plan["organizations"]}
    roles = {role["name"]: role["id"] for role in client.role.list(per_page=100)["data"]}
    return {
        "organizations": organizations,
        "users": {
            name: _user(client, name, user, organizations, roles)
            for name, user in plan["users"].items()
        },
        "collaborations": {
            name: collaboration(
                client,
                name,
                {org: organizations[org]["id"] for org in wanted["organizations"]},
                wanted["encrypted"],
            )
            for name, wanted in plan["collaborations"].items()
        },
    }


def _organization(client, name, folder):
    path, public_key = None, None
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{name}.pem"
        key = RSACryptor.create_new_rsa_key(path)
        path.chmod(0o600)
        public_key = bytes_to_base64s(RSACryptor.create_public_key_bytes(key))
    made = client.organization.create(
        name=name,
        address1="-",
        address2="-",
        zipcode="-",
        country="-",
        domain=f"{name}.example",
        public_key=public_key,
    )
    return {"id": _id(made, name), "private_key": path and str(path)}


def _user(client, name, user, organizations, roles):
    password = f"{secrets.token_urlsafe(16)}aA1!"
    made = client.user.create(
        username=name,
        firstname=name,
        lastname="-",
        password=password,
        email=f"{name}@{user['organization']}.example",
        organization=organizations[user["organization"]]["id"],
        roles=[roles[user["role"]]],
    )
    return {"id": _id(made, name), "password": password, "organization": user["organization"]}


def collaboration(client, name, organizations, encrypted):
    """Create a collaboration with a node for each organization.

    Args:
        client: root's.
        name: the collaboration's name; names are unique.
        organizations: ids by name.
        encrypted: whether the collaboration's payloads are encrypted.

    Returns:
        {"id", "encrypted", "nodes": {ORGANIZATION: {"id", "name", "api_key"}}}
    """
    made = client.collaboration.create(
        name=name, organizations=list(organizations.values()), encrypted=encrypted
    )
    id_ = _id(made, name)
    nodes = {}
    for organization, organization_id in organizations.items():
        node = client.node.create(
            collaboration=id_, organization=organization_id, name=f"{organization} {name}"
        )
        nodes[organization] = {
            "id": _id(node, name),
            "name": node["name"],
            "api_key": node["api_key"],
        }
    return {"id": id_, "encrypted": encrypted, "nodes": nodes}


def _id(made, name):
    if "id" not in made:
        raise ValueError(f"the server did not make {name}: {made.get('msg')}")
    return made["id"]
