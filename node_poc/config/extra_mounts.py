"""``node_extra_mounts``: what the node's pod mounts besides its own files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator

from node_poc.config.base import SUBDOMAIN

Source = Literal["folder", "secret", "configmap"]
# The name of an object, a path of the pod, and Docker's mode.
_OBJECT = re.compile(
    rf"(?P<kind>secret|configmap)/(?P<source>{SUBDOMAIN}):(?P<target>/[^:]+)(?::ro)?"
)
_FOLDER = re.compile(r"(?P<source>/[^:]+):(?P<target>/[^:]+)(?::(?P<mode>[a-zA-Z,]+))?")
_NAMES_AN_OBJECT = re.compile(r"(?i)(secrets?|configmaps?|cm)/")


@dataclass(frozen=True)
class ExtraMount:
    """One of ``node_extra_mounts``.

    Attributes:
        kind: ``folder`` for a file or folder of the machine, or the kind of object.
        source: path on the machine, or name of the Secret or ConfigMap.
        target: path in the pod.
        read_only: whether the pod may only read; always so for objects.
    """

    kind: Source
    source: str
    target: str
    read_only: bool

    @classmethod
    def parse(cls, text: object) -> ExtraMount | None:
        """Parse ``/source:/target``, ``secret/NAME:/target`` or ``configmap/NAME:/target``.

        Each may end in ``:ro``. None for a named volume of Docker or invalid text.
        """
        if not isinstance(text, str):
            return None
        if found := _OBJECT.fullmatch(text):
            kind: Source = "secret" if found["kind"] == "secret" else "configmap"
            return cls(kind, found["source"], found["target"], read_only=True)
        if found := _FOLDER.fullmatch(text):
            read_only = "ro" in (found["mode"] or "").split(",")
            return cls("folder", found["source"], found["target"], read_only)
        return None

    def holds(self, path: str) -> bool:
        """Return whether a path of the pod is this mount, or inside of it."""
        return PurePosixPath(path).is_relative_to(self.target)

    def source_of(self, path: str) -> str | None:
        """Return the machine's path of a path of the pod inside of this mount; None in objects."""
        if self.kind != "folder":
            return None
        return str(PurePosixPath(self.source) / PurePosixPath(path).relative_to(self.target))


def mounts_in(texts: Iterable[str]) -> list[ExtraMount]:
    """Return the mounts, without named volumes of Docker, which have no effect."""
    return [mount for mount in map(ExtraMount.parse, texts) if mount is not None]


def _objects_are_named(value: str) -> str:
    """Return the mount; raise ValueError for an object that is not named as it must be.

    Other texts may be named volumes of a Docker node, which have no effect here.
    """
    if _NAMES_AN_OBJECT.match(value) and ExtraMount.parse(value) is None:
        raise ValueError(
            "must be secret/NAME:/target or configmap/NAME:/target, with the name of an object in "
            "the node's namespace"
        )
    return value


MountText = Annotated[str, AfterValidator(_objects_are_named)]
