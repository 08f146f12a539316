"""Asks registries for the digests of a tag, to compare a tag in a policy with a digest in a task.

The node asks only about repositories in the site's policies. Answers have limits in size and time.
The node keeps answers for some seconds, because a burst of runs would ask for the same tag again.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog

from node_poc.config.sections import Registry
from node_poc.protocol.vantage6.errors import RegistryAwayError
from node_poc.protocol.vantage6.incoming.registry_http import Reply, Site, ask, site_of
from node_poc.runs.image_names import ImageName, parse_image

log = structlog.get_logger(__name__)

_KINDS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_PLATFORMS = 100
_KNOWN_SECONDS = 30.0
_AWAY_SECONDS = 10.0
_MOST_KNOWN = 1000
_Known = tuple[float, Sequence[str] | RegistryAwayError]


class Registries:
    """Digests of tags, from registries. Thread-safe."""

    def __init__(self, logins: Sequence[Registry]) -> None:
        """``logins`` are the configuration's ``docker_registries``; others are asked without."""
        self._logins = logins
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def digests_of(self, image: str) -> Sequence[str]:
        """Return the digests of an image and of its platforms; empty if there is no such image.

        A name with a digest needs no registry.

        Raises:
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
        """
        name = parse_image(image)
        if name is None or name.digest:
            return (name.digest,) if name is not None and name.digest else ()
        key = _key_of(name)
        with self._lock:
            until, known = self._known.get(key, (0.0, ()))
        if time.monotonic() >= until:
            known = self._remembered(key, name)
        if isinstance(known, RegistryAwayError):
            raise RegistryAwayError(str(known))
        return known

    def _remembered(self, key: str, name: ImageName) -> Sequence[str] | RegistryAwayError:
        found: Sequence[str] | RegistryAwayError
        try:
            found, seconds = _look_up(name, site_of(name.host, self._logins)), _KNOWN_SECONDS
        except RegistryAwayError as error:
            found, seconds = error, _AWAY_SECONDS
        with self._lock:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = (time.monotonic() + seconds, found)
        return found


def _key_of(name: ImageName) -> str:
    return f"{name.repository}:{name.version}"


def _look_up(name: ImageName, site: Site) -> Sequence[str]:
    reply = ask(site, name.path, f"manifests/{name.version}", _KINDS)
    if reply.status == HTTPStatus.OK:
        own = f"sha256:{hashlib.sha256(reply.body).hexdigest()}"
        return (own, *_platforms(reply))
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        log.warning(
            "a registry does not tell this node what a tag means: name a login in "
            "docker_registries, or the digest in policies.allowed_algorithms",
            registry=name.host,
            status=reply.status,
        )
        return ()
    if reply.status == HTTPStatus.NOT_FOUND:
        log.warning("a registry has no image of this name and tag", image=_key_of(name))
        return ()
    raise RegistryAwayError(f"registry {name.host}: HTTP {reply.status}")


def _platforms(reply: Reply) -> list[str]:
    """Return the platforms' digests from a manifest that lists several platforms."""
    try:
        data: Any = json.loads(reply.body)
    except (ValueError, RecursionError):
        return []
    listed = data.get("manifests") if isinstance(data, dict) else None
    found = [each.get("digest") for each in listed or [] if isinstance(each, dict)]
    return [text for text in found if isinstance(text, str) and _DIGEST.fullmatch(text)][
        :_MOST_PLATFORMS
    ]
