"""The node's identity at the vantage6 server, and the agreement of both on encryption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.crypto.keys import KeyMatch, compare_public_key
from node_poc.crypto.payload import Cryptor, PlainCryptor, RsaCryptor
from node_poc.protocol.vantage6.errors import FatalError, RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.run_request import id_in

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NodeIdentity:
    """The node's ids and names at the server."""

    node_id: int
    name: str
    organization_id: int
    organization_name: str
    collaboration_id: int
    encrypted: bool
    collaboration_name: str = ""


def identify(rest: RestSession, node_id: int) -> NodeIdentity:
    """Return the node's identity from the server. Raise the errors of ``RestSession.get``."""
    node = rest.get(f"node/{node_id}")
    organization_id = _id_of(node, "organization")
    collaboration_id = _id_of(node, "collaboration")
    organization = rest.get(f"organization/{organization_id}")
    collaboration = rest.get(f"collaboration/{collaboration_id}")
    return NodeIdentity(
        node_id=node_id,
        name=str(node.get("name", "")),
        organization_id=organization_id,
        organization_name=str(organization.get("name", "")),
        collaboration_id=collaboration_id,
        encrypted=bool(collaboration.get("encrypted")),
        collaboration_name=str(collaboration.get("name", "")),
    )


def _id_of(node: dict[str, Any], field: str) -> int:
    number = id_in(node.get(field))
    if number is None:
        raise UnreachableError(f"GET node: the answer names no {field}: is this the server?")
    return number


def set_up_encryption(
    rest: RestSession, identity: NodeIdentity, *, enabled: bool, private_key: RSAPrivateKey | None
) -> Cryptor:
    """Return the cryptor for payloads; with encryption, publish our public key at the server.

    Args:
        rest: a session that is logged in.
        identity: this node's identity.
        enabled: ``encryption.enabled`` of the configuration.
        private_key: the organization's private key; required with encryption.

    Raises:
        FatalError: the configuration and the collaboration disagree on encryption, the private
            key is missing, or the server does not let this node set the public key.
        ServerError: the errors of ``RestSession.get`` and ``RestSession.patch``.
    """
    if enabled != identity.encrypted:
        is_so, wanted = ("", "true") if identity.encrypted else ("not ", "false")
        raise FatalError(
            f"encryption.enabled: collaboration {identity.collaboration_id} is {is_so}encrypted "
            f"at the server; set encryption.enabled to {wanted}, or use the API key of a node in "
            "another collaboration"
        )
    if not enabled:
        return PlainCryptor()
    if private_key is None:
        raise FatalError(
            "encryption.private_key: the collaboration is encrypted and there is no private key; "
            "make one with `python -m node_poc create-private-key` and name its file"
        )
    cryptor = RsaCryptor(private_key)
    _publish_key(rest, identity, private_key, cryptor.public_key)
    return cryptor


def _publish_key(
    rest: RestSession, identity: NodeIdentity, private_key: RSAPrivateKey, public_key: str
) -> None:
    """Set our public key at the server, unless the organization has the same key there already."""
    path = f"organization/{identity.organization_id}"
    match = compare_public_key(private_key, rest.get(path).get("public_key"))
    if match is KeyMatch.SAME:
        log.info("the organization's public key at the server is ours")
        return
    if match is KeyMatch.MISSING:
        log.info("the organization has no public key at the server yet: ours is set")
    else:
        log.warning(
            "the organization's public key at the server is not the one of this private key: ours "
            "is set now, as vantage6 does; what was encrypted for the old one cannot be read here, "
            "and users and nodes of this organization with another private key cannot read what "
            "comes from now on: give all of them the same key",
            organization=identity.organization_name,
            public_key=match.value,
        )
    try:
        rest.patch(path, {"public_key": public_key})
    except RefusedByServerError as error:
        raise FatalError(
            f"encryption: the server does not let this node set its organization's public key "
            f"({error}); have an administrator of the organization set it"
        ) from error
