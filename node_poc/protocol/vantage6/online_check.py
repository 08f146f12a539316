"""``check --online``: query a vantage6 server before the node starts, and change nothing there.

The requests use the node's own session, with the node's certificate authorities and proxies.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.config.findings import Finding, error, warning
from node_poc.config.model import NodeConfig
from node_poc.crypto.keys import KeyMatch, compare_public_key
from node_poc.protocol.adapter import LookUpError, NodeFacts
from node_poc.protocol.vantage6.errors import LoginRefusedError, ServerError, UnreachableError
from node_poc.protocol.vantage6.identity import NodeIdentity, identify
from node_poc.protocol.vantage6.rest.answers import HttpAnswer, error_message
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.runs.error_texts import why_no_answer

_MAJOR = "4"
_DEEPEST = 20
# The header `Date` has whole seconds, and an answer may take a while.
_SKEW_SECONDS = 10.0
_KEYS = {
    KeyMatch.MISSING: "has no public key at the server yet; the node sets its own when it starts",
}
_OTHER_KEY = (
    "has another public key at the server than that of this private key; the node sets its own "
    "when it starts, and what was encrypted for the other cannot be read then: give all nodes and "
    "users of the organization the same key"
)


class _NoServerError(Exception):
    """No server answers. The text names the configuration's key and a remedy."""


def ask_server(
    config: NodeConfig, private_key: RSAPrivateKey | None
) -> tuple[list[str], list[Finding]]:
    """Ask the configured server for this node, and compare the answer with the configuration.

    Args:
        config: the node's configuration, with an API key.
        private_key: the organization's private key, or None.

    Returns:
        sentences about the server and the node; and findings with their remedies.
    """
    rest, facts = RestSession(config.server_address, config.api_path, config.api_key or ""), []
    try:
        version, skew = _version(rest, config)
        facts.append(f"server: vantage6 {version} at {config.server_address}")
        identity = identify(rest, rest.login())
    except (_NoServerError, LoginRefusedError) as found:
        return facts, [error(str(found))]
    except ServerError as found:
        return facts, [error(f"server_url: the server is there, but does not work ({found})")]
    encrypted = "encrypted" if identity.encrypted else "not encrypted"
    facts.append(
        f"server: this is node {identity.name!r} of organization {identity.organization_name!r} "
        f"in collaboration {identity.collaboration_name!r}, which is {encrypted}"
    )
    if skew is not None and abs(skew) <= _SKEW_SECONDS:
        facts.append("server: its clock and that of this machine agree")
    differences = _disagreements(rest, config, identity, private_key)
    return facts, [*_other_version(version), *_other_clock(skew), *differences]


def look_up(config: NodeConfig) -> NodeFacts:
    """Log in as the node and return how the server knows the node. Raises LookUpError."""
    rest = RestSession(config.server_address, config.api_path, config.api_key or "")
    try:
        version, _ = _version(rest, config)
        identity = identify(rest, rest.login())
        shown = rest.get(f"organization/{identity.organization_id}").get("public_key")
    except LoginRefusedError as found:
        raise LookUpError(str(found), is_refused=True) from found
    except (_NoServerError, ServerError) as found:
        raise LookUpError(str(found)) from found
    return NodeFacts(
        version,
        identity.name,
        identity.organization_name,
        identity.collaboration_name,
        identity.encrypted,
        bool(shown),
    )


def _version(rest: RestSession, config: NodeConfig) -> tuple[str, float | None]:
    """Return the server's version, and the seconds by which the server's clock is ahead.

    Needs no login. None: the server does not tell its clock. Raise _NoServerError without a server.
    """
    try:
        asked_at = time.time()
        answer = rest.get_without_login("version")
        here = (asked_at + time.time()) / 2
        return _version_in(answer, config), _ahead(answer.date, here)
    except UnreachableError as found:
        raise _NoServerError(_why_unreachable(found, config)) from found


def _ahead(date: str, here: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - here
    except ValueError:
        return None


def _other_clock(skew: float | None) -> Iterator[Finding]:
    if skew is not None and abs(skew) > _SKEW_SECONDS:
        yield warning(
            f"server_url: the server's clock and that of this machine differ by {abs(skew):.0f} s; "
            "let both follow a time server (NTP), as logins have an end"
        )


def _version_in(answer: HttpAnswer, config: NodeConfig) -> str:
    where = f"{config.server_address}{config.api_path}/version"
    if answer.status == HTTPStatus.OK:
        try:
            data = answer.value
        except ValueError:
            data = None
        if isinstance(data, dict) and isinstance(data.get("version"), str):
            return str(data["version"])[:40]
    if 300 <= answer.status < 400:
        raise _NoServerError(f"server_url: {where} redirects to {answer.location[:200]}; give that")
    if answer.status >= 500:
        raise _NoServerError(
            f"server_url: {where} answers HTTP {answer.status} {error_message(answer)}; the server "
            "is down behind its gateway: try again when it is up"
        )
    raise _NoServerError(
        f"api_path: {where} is no vantage6 server (HTTP {answer.status}); correct api_path, which "
        "is /api for most servers, or server_url and port"
    )


def _why_unreachable(found: UnreachableError, config: NodeConfig) -> str:
    """Return the reason as a sentence, from the innermost error."""
    parts = urlsplit(config.server_address)
    where, causes = f"{parts.hostname}", list(_causes(found))
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _why_no_tls(cause, config)
        if isinstance(cause, socket.gaierror):
            return (
                f"server_url: no address is known of {where}; check its spelling, and whether "
                "this machine's DNS knows it"
            )
        if isinstance(cause, ConnectionRefusedError):
            return (
                f"server_url, port: nothing listens on port {port} of {where}; check both, and "
                "whether the server runs"
            )
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return (
            f"server_url, port: {where} does not answer on port {port}; check both, and whether a "
            "firewall is in between"
        )
    return f"server_url: {where} cannot be asked ({why_no_answer(found)})"


def _why_no_tls(cause: ssl.SSLError, config: NodeConfig) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"server_url: the certificate of {config.server_address} is not trusted "
            f"({cause.verify_message}); name its authority's file in kubernetes.ca_file, or "
            "correct the server's name"
        )
    return (
        f"server_url, port: {config.server_address} does not speak TLS ({cause.reason}); check "
        "the port, or use http:// for a server without TLS"
    )


def _causes(found: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside an error: urllib3 keeps them in arguments and in ``reason``."""
    waiting: list[object] = [found]
    for _ in range(_DEEPEST):
        if not waiting:
            return
        each = waiting.pop(0)
        if isinstance(each, BaseException):
            yield each
            waiting += [each.__cause__, getattr(each, "reason", None), *each.args]


def _other_version(version: str) -> Iterator[Finding]:
    if version.partition(".")[0] != _MAJOR:
        yield error(
            f"server_url: the server is vantage6 {version}, and this node works with {_MAJOR}.x; "
            "use a server of that version"
        )


def _disagreements(
    rest: RestSession, config: NodeConfig, identity: NodeIdentity, private_key: RSAPrivateKey | None
) -> Iterator[Finding]:
    if config.encryption.enabled != identity.encrypted:
        wanted = "true" if identity.encrypted else "false"
        yield error(
            f"encryption.enabled: is {str(not identity.encrypted).lower()}, and the server's "
            f"collaboration says otherwise; set it to {wanted}, or use the API key of a node in "
            "another collaboration"
        )
    elif identity.encrypted and private_key is not None:
        try:
            shown = rest.get(f"organization/{identity.organization_id}").get("public_key")
        except ServerError as found:
            yield warning(f"encryption: the organization's public key is not told ({found})")
            return
        match = compare_public_key(private_key, shown)
        if match is not KeyMatch.SAME:
            yield warning(
                f"encryption.private_key: organization {identity.organization_name!r} "
                f"{_KEYS.get(match, _OTHER_KEY)}"
            )
