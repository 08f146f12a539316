"""``kubernetes.images``: by which digest a run's image is run."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from node_poc.config.base import Strict

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
_MIRROR = re.compile(rf"https?://(?:{_HOST.pattern})")


class Images(Strict):
    """How the node finds out which image a tag means."""

    resolve: Literal["auto", "on", "off"] = "auto"
    """Whether the node asks the registry of each image for the digest behind the tag, once for each
    run, and runs this digest. With `on`, a run waits while its registry is away, and ends with
    cause `RegistryAway` after `limits.pull_seconds`. With `auto`, a run whose registry does not
    answer the node, or refuses the node, starts by its tag; the node also asks no registry with
    `policies.require_algorithm_pull: false`. With `off`, Kubernetes decides what a tag means.

    Default: the kubelet may reach registries that the node's pod does not reach.
    """

    mirrors: dict[str, str] = Field(default={})
    """By host of a registry as in names of images, such as `localhost:5001`: the URL of the
    registry for the node, `http://` or `https://` with a host. For clusters whose kubelets have a
    mirror (`hosts.toml`, `registries.yaml`). Logins in `docker_registries` count for the URL's
    host.

    Default: the node asks the host in the image's name.
    """

    @field_validator("mirrors")
    @classmethod
    def _hosts_and_urls(cls, value: dict[str, str]) -> dict[str, str]:
        for host, url in value.items():
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host[:80]!r} is no host of a registry, such as localhost:5001")
            if not _MIRROR.fullmatch(url):
                raise ValueError(
                    f"{host}: must be http:// or https:// with a host, and without a path"
                )
        return value
