"""PURE: names of images, read as registries and container runtimes read them.

Two spellings may name one image: a registry's host has no case and a default port, and names
without a host belong to Docker Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from node_poc.runs.digits import is_number

# Grammar of an image reference: github.com/distribution/reference, reference.go and regexp.go.
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*:[0-9a-f]{32,128}"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::{_TAG})?(?:@{_DIGEST})?", re.ASCII
)
_IMAGE_LENGTH = 512

DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_DOCKER_HUB_LIBRARY = "library/"
_DEFAULT_PORT = 443


def is_image_name(text: str) -> bool:
    """Return whether ``text`` is an image reference: a name, and if given a tag and a digest."""
    return len(text) <= _IMAGE_LENGTH and _IMAGE.fullmatch(text) is not None


@dataclass(frozen=True)
class ImageName:
    """The parts of an image's name; ``host`` is the registry's host in canonical spelling."""

    host: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def repository(self) -> str:
        """The name without tag and digest: equal where two spellings name one repository."""
        return f"{self.host}/{self.path}"

    @property
    def version(self) -> str:
        """The tag that a registry is asked for."""
        return self.tag or "latest"

    @property
    def suffix(self) -> str:
        """Tag and digest as they are spelled behind the name."""
        tag = f":{self.tag}" if self.tag else ""
        return tag + (f"@{self.digest}" if self.digest else "")

    @property
    def short(self) -> str:
        """The spelling that Docker shows: nothing in front of a name of Docker Hub."""
        if self.host != DOCKER_HUB:
            return self.repository + self.suffix
        return self.path.removeprefix(_DOCKER_HUB_LIBRARY) + self.suffix


def parse_image(text: str) -> ImageName | None:
    """Parse an image's name; return None if ``text`` is not an image's name."""
    if not is_image_name(text):
        return None
    name, _, digest = text.partition("@")
    name = without_tag(name)
    tag = text.partition("@")[0][len(name) + 1 :]
    host, path = _split_host(name)
    return ImageName(host, path, tag or None, digest or None)


def _split_host(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = any(mark in first for mark in ".:") or first == "localhost" or first.lower() != first
    if not (slash and is_host):
        first, rest = DOCKER_HUB, name
    host = canonical_host(first)
    if host == DOCKER_HUB and "/" not in rest:
        rest = _DOCKER_HUB_LIBRARY + rest
    return host, rest


def canonical_host(text: str) -> str:
    """Return a registry's host and port: no capitals, no default port, one name for Docker Hub."""
    host, colon, port = text.lower().rpartition(":")
    if not colon or not is_number(port):
        host, port = text.lower(), ""
    known = DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
    return known if not port or int(port) == _DEFAULT_PORT else f"{known}:{int(port)}"


def without_tag(image: str) -> str:
    """Return the image's name without tag and digest; a registry's port is not a tag."""
    name = image.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
