"""One GET at a registry, with the site's login for the registry.

Follows the distribution specification: first without a login; if the registry asks for one, with a
token (``WWW-Authenticate: Bearer``) or with name and password (``Basic``).
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from node_poc.config.sections import Registry
from node_poc.runs.error_texts import why_no_answer
from node_poc.runs.image_names import DOCKER_HUB, canonical_host
from node_poc.runs.trusted_images import RegistryAwayError

_CONNECT_SECONDS = 5.0
_SILENT_SECONDS = 10.0
_SECONDS = 20.0
_MOST_BYTES = 4 << 20  # of a manifest, by the distribution specification
_PIECE = 1 << 16
_DOCKER_HUB_API = "registry-1.docker.io"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARAMETER = re.compile(r'([a-z]+)="([^"\\]*)"', re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,100000}")


@dataclass(frozen=True)
class Site:
    """URL of a registry, and the value of ``Authorization`` for the registry, or None."""

    url: str
    login: str | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether the node speaks HTTP without TLS with the registry."""
        return self.url.startswith("http://")


@dataclass(frozen=True)
class Reply:
    """A registry's answer."""

    status: int
    body: bytes
    challenge: str
    location: str = ""


@dataclass(frozen=True)
class Bounds:
    """How much of an answer the node takes.

    Attributes:
        most_bytes: of the body.
        redirects: how often an answer may send the node to another address. Only contents that
            the caller compares with their digest may come from there.
        seconds: for the answer, with login and redirects.
    """

    most_bytes: int = _MOST_BYTES
    redirects: int = 0
    seconds: float = _SECONDS


class _Deadline:
    """The bounds of one question that has begun."""

    def __init__(self, bounds: Bounds) -> None:
        self.most_bytes = bounds.most_bytes
        self.seconds = bounds.seconds
        self.ends_at = time.monotonic() + bounds.seconds


class _Header(AuthBase):
    """Sets the header as an ``auth``: without an ``auth``, requests would use a .netrc."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


def site_of(
    host: str, logins: Sequence[Registry], mirrors: Mapping[str, str] | None = None
) -> Site:
    """Return the URL and login for the registry of this host, or for the host's mirror.

    Without TLS on the loopback interface only, as in Docker, or where the site writes ``http://``.
    """
    for mirrored, url in (mirrors or {}).items():
        if canonical_host(mirrored) == host:
            return replace(site_of(canonical_host(url.partition("://")[2]), logins), url=url)
    scheme, login = "http" if _is_here(host) else "https", None
    for each in logins:
        written, _, rest = each.registry.rpartition("://")
        if canonical_host(rest.partition("/")[0]) == host:
            scheme = written if written == "http" else scheme
            pair = f"{each.username}:{each.password}".encode()
            login = f"Basic {base64.b64encode(pair).decode()}"
    return Site(f"{scheme}://{_DOCKER_HUB_API if host == DOCKER_HUB else host}", login)


def _is_here(host: str) -> bool:
    name = re.sub(r":[0-9]+\Z", "", host).strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def ask(site: Site, repository: str, what: str, accept: str, bounds: Bounds | None = None) -> Reply:
    """GET ``what`` of a repository. Raise RegistryAwayError without a usable answer."""
    bounds = bounds or Bounds(_MOST_BYTES, 0, _SECONDS)
    deadline = _Deadline(bounds)
    url = f"{site.url}/v2/{repository}/{what}"
    reply = _ask(site, url, repository, accept, deadline)
    for _ in range(bounds.redirects):
        if reply.status not in _REDIRECTS:
            break
        url = urljoin(url, reply.location)
        if urlsplit(url).scheme not in _schemes(site):
            raise RegistryAwayError(f"{site.url}: it points to an address that is not https://")
        reply = _get(site, url, None, deadline)  # without a login: the address is another server's
    return reply


def _schemes(site: Site) -> set[str]:
    return {"https", "http"} if site.is_open else {"https"}


def _ask(site: Site, url: str, repository: str, accept: str, deadline: _Deadline) -> Reply:
    headers = {"Accept": accept}
    reply = _get(site, url, None, deadline, headers=headers)
    if reply.status != HTTPStatus.UNAUTHORIZED:
        return reply
    kind, _, rest = reply.challenge.strip().partition(" ")
    if kind.lower() == "bearer":
        challenge = {key.lower(): value for key, value in _PARAMETER.findall(rest)}
        token = _token(site, challenge, repository, deadline)
        return _get(site, url, token, deadline, headers=headers) if token else reply
    if kind.lower() == "basic" and site.login:
        return _get(site, url, site.login, deadline, headers=headers)
    return reply


def _token(
    site: Site, challenge: Mapping[str, str], repository: str, deadline: _Deadline
) -> str | None:
    """Return ``Authorization`` from the registry's token service; None if the service refuses."""
    realm = challenge.get("realm", "")
    if urlsplit(realm).scheme not in _schemes(site):
        raise RegistryAwayError(f"{site.url}: its token service is no https:// address")
    # The node asks for the right to pull one repository, whatever scope the registry names.
    asked = {"scope": f"repository:{repository}:pull"}
    if "service" in challenge:
        asked["service"] = challenge["service"]
    reply = _get(site, realm, site.login, deadline, params=asked)
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return None
    try:
        data = json.loads(reply.body) if reply.status == HTTPStatus.OK else None
        token = data.get("token") or data.get("access_token") if isinstance(data, dict) else None
    except (ValueError, RecursionError):
        token = None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryAwayError(f"{realm}: HTTP {reply.status}, and no token")
    return f"Bearer {token}"


def _get(
    site: Site,
    url: str,
    authorization: str | None,
    deadline: _Deadline,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Reply:
    try:
        with requests.Session() as session:
            # Outer proxies do not reach the loopback interface of this machine.
            session.trust_env = not _is_here(urlsplit(url).netloc)
            response = session.get(
                url,
                headers=headers,
                params=params,
                auth=_Header(authorization),
                timeout=(_CONNECT_SECONDS, _SILENT_SECONDS),
                allow_redirects=False,
                stream=True,
            )
            challenge = response.headers.get("WWW-Authenticate", "")
            location = response.headers.get("Location", "")
            body = _body(response, site, deadline)
            return Reply(response.status_code, body, challenge, location)
    except (requests.RequestException, OSError, ValueError) as error:
        raise RegistryAwayError(f"{site.url}: {why_no_answer(error)}") from error


def _body(response: requests.Response, site: Site, deadline: _Deadline) -> bytes:
    body = b""
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > deadline.most_bytes:
            most = deadline.most_bytes
            raise RegistryAwayError(f"{site.url}: the answer has more than {most} bytes")
        if time.monotonic() > deadline.ends_at:
            seconds = deadline.seconds
            raise RegistryAwayError(f"{site.url}: the answer took longer than {seconds:.0f} s")
    return body
