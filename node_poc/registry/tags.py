"""Asks registries for the digests of a tag.

Policies compare a tag of their own with a digest in a task, and a run's tag becomes a digest. The
node asks only about images that its policies name or allow. Answers have limits in size and time.
The node keeps answers for some seconds, because a burst of runs would ask for the same tag again.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog

from node_poc.config.model import NodeConfig
from node_poc.config.sections import Registry
from node_poc.registry.client import Reply, Site, ask, site_of
from node_poc.runs.image_names import ImageName, parse_image
from node_poc.runs.trusted_images import (
    ImageRefusedError,
    RegistryAwayError,
    image_not_found,
    registry_refuses,
)

log = structlog.get_logger(__name__)

#: The kinds of manifests that Kubernetes can run, for the header ``Accept``.
IMAGE_KINDS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_PLATFORMS = 100
_KNOWN_SECONDS = 10.0
_AWAY_SECONDS = 10.0
_MOST_KNOWN = 1000
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True)
class _Found:
    """The image's own digest, then those of its platforms; nothing with another status than 200."""

    status: int
    digests: tuple[str, ...] = ()


_Known = tuple[float, _Found | RegistryAwayError]


class Registries:
    """Digests of tags, from registries. Thread-safe."""

    def __init__(
        self, logins: Sequence[Registry], mirrors: Mapping[str, str] | None = None
    ) -> None:
        """Ask registries at ``mirrors``, if they are there, and with their login.

        Args:
            logins: the configuration's ``docker_registries``; others are asked without.
            mirrors: ``kubernetes.images.mirrors``.
        """
        self._logins = logins
        self._mirrors = mirrors or {}
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, config: NodeConfig) -> Registries:
        """Return the registries as the node's configuration names them."""
        return cls(config.docker_registries, config.kubernetes.images.mirrors)

    def site(self, name: ImageName) -> Site:
        """Return where the node asks for an image, and with which login."""
        return site_of(name.host, self._logins, self._mirrors)

    def digest_of(self, image: str) -> str:
        """Return the digest of the image that a name with a tag means now.

        Raises:
            ImageRefusedError: the registry has no such image, or refuses this node.
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
        """
        name = parse_image(image)
        if name is None:
            raise ImageRefusedError(image_not_found("the text is no name of an image"))
        found = _Found(HTTPStatus.OK, (name.digest,)) if name.digest else self._find(name)
        if found.digests:
            return found.digests[0]
        detail = f"registry {name.host}: HTTP {found.status}"
        refused = found.status in _REFUSALS
        raise ImageRefusedError(registry_refuses(detail) if refused else image_not_found(detail))

    def digests_of(self, image: str) -> Sequence[str]:
        """Return the digests of an image and of its platforms; empty if there is no such image.

        A name with a digest needs no registry.

        Raises:
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
        """
        name = parse_image(image)
        if name is None or name.digest:
            return (name.digest,) if name is not None and name.digest else ()
        return self._find(name).digests

    def _find(self, name: ImageName) -> _Found:
        """Return what the registry told of a tag. Raise RegistryAwayError without an answer."""
        key = _key_of(name)
        with self._lock:
            until, known = self._known.get(key, (0.0, _Found(0)))
        if time.monotonic() >= until:
            known = self._remembered(key, name)
        if isinstance(known, RegistryAwayError):
            raise RegistryAwayError(str(known))
        return known

    def _remembered(self, key: str, name: ImageName) -> _Found | RegistryAwayError:
        found: _Found | RegistryAwayError
        try:
            found, seconds = _look_up(name, self.site(name)), _KNOWN_SECONDS
        except RegistryAwayError as error:
            found, seconds = error, _AWAY_SECONDS
        with self._lock:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = (time.monotonic() + seconds, found)
        return found


def _key_of(name: ImageName) -> str:
    return f"{name.repository}:{name.version}"


def _look_up(name: ImageName, site: Site) -> _Found:
    reply = ask(site, name.path, f"manifests/{name.version}", IMAGE_KINDS)
    if reply.status == HTTPStatus.OK:
        own = f"sha256:{hashlib.sha256(reply.body).hexdigest()}"
        return _Found(reply.status, (own, *_platforms(reply)))
    if reply.status in _REFUSALS:
        log.warning(
            "a registry does not tell this node what a tag means: name a login in "
            "docker_registries, or the digest in policies.allowed_algorithms",
            registry=name.host,
            status=reply.status,
        )
        return _Found(reply.status)
    if reply.status == HTTPStatus.NOT_FOUND:
        log.warning("a registry has no image of this name and tag", image=_key_of(name))
        return _Found(reply.status)
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
