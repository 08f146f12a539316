"""``kubernetes.images``: by which digest a run's image is run, and whose signature it needs."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from node_poc.config.base import Strict
from node_poc.config.image_keys import load_image_key

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
_MIRROR = re.compile(rf"https?://(?:{_HOST.pattern})")


# `*`, `host/path/*` or `host/path`: no tag (a colon in the last part) and no digest.
_HOST_PART, _PART = r"[A-Za-z0-9._:\[\]-]+", r"[a-z0-9._-]+"
_PATTERN = re.compile(rf"\*|{_HOST_PART}(?:/{_PART})*/\*|(?:{_HOST_PART}/)?{_PART}(?:/{_PART})*")
_KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class SignatureRule(Strict):
    """Images that run only with a signature, and the keys whose signature counts."""

    images: list[str] = Field(min_length=1)
    """Images that need a signature: `host/path`, `host/path/*` for all below a path, `host/*` or
    `*`. Without tag or digest, because a pattern covers all tags and digests of a name."""

    keys: dict[str, str] = Field(min_length=1)
    """By a name of your choice: a public key of cosign (`cosign.pub`), of which one has to have
    signed the image. ECDSA on P-256, RSA or Ed25519, in PEM."""

    @field_validator("images")
    @classmethod
    def _patterns(cls, value: list[str]) -> list[str]:
        for pattern in value:
            if not _PATTERN.fullmatch(pattern):
                raise ValueError(
                    f"{pattern[:80]!r} must be host/path, host/path/*, host/* or *, without a tag "
                    "or digest"
                )
        return value

    @field_validator("keys")
    @classmethod
    def _keys(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pem in value.items():
            if not _KEY_NAME.fullmatch(name):
                raise ValueError(f"{name[:80]!r} must have letters, digits, `.`, `_` and `-` only")
            try:
                load_image_key(pem)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return value


class Images(Strict):
    """How the node finds out which image a tag means, and which images need a signature."""

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

    signatures: list[SignatureRule] = Field(default=[])
    """Rules for images that run only with a signature, each with the keys below. An image that
    several rules cover needs a signature for each of them; an image that no rule covers needs none.
    See [signed images](#signed-images).

    Default: not every site signs its images.
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
