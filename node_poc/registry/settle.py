"""Settles which image a run gets: the digest behind its tag, with the required signatures.

The answer holds for the whole run: the node writes the digest into the run's record, and the Job
names the digest. A registry that moves the tag later changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from node_poc.config.model import NodeConfig
from node_poc.registry.tags import Registries
from node_poc.registry.verify import Verifier
from node_poc.runs.image_names import ImageName, parse_image
from node_poc.runs.trusted_images import ImageRefusedError, RegistryAwayError, SettledImage

log = structlog.get_logger(__name__)

# With `auto`, runs do not wait again and again for a registry that this pod does not reach.
_NOT_ASKED_SECONDS = 600.0
_MOST_NOT_ASKED = 1000


def image_settler(config: NodeConfig) -> Callable[[str], SettledImage] | None:
    """Return ``ImageSettler.settle`` for a node; None if Kubernetes alone decides on images."""
    images = config.kubernetes.images
    if images.resolve == "on" or images.signatures or _asks_if_it_can(config):
        return ImageSettler(config, Registries.of(config)).settle
    return None


def _asks_if_it_can(config: NodeConfig) -> bool:
    """Whether runs start by their tag if the registry does not answer."""
    return config.kubernetes.images.resolve == "auto" and config.policies.require_algorithm_pull


class ImageSettler:
    """Asks registries on behalf of runs. Thread-safe."""

    def __init__(self, config: NodeConfig, registries: Registries) -> None:
        """``registries`` tells digests of tags."""
        self._settings = config.kubernetes.images
        self._asks_if_it_can = _asks_if_it_can(config)
        self._registries = registries
        self._verifier = Verifier(self._settings.signatures)
        self._not_asked: dict[str, float] = {}
        self._lock = threading.Lock()

    def settle(self, image: str) -> SettledImage:
        """Return which image a run with this image's name gets.

        Raises:
            ImageRefusedError: the run cannot have the image.
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
        """
        name = parse_image(image)
        if name is None:
            return SettledImage()  # the kubelet refuses the name, with a reason
        if self._verifier.wants_signature(name):
            digest = self._registries.digest_of(image)
            signed_by = self._verifier.verify(self._registries.site(name), name, digest)
            return SettledImage(digest, signed_by)
        if name.digest is not None:
            return SettledImage(name.digest)
        if self._settings.resolve == "on":
            return SettledImage(self._registries.digest_of(image))
        return SettledImage(self._digest_if_told(image, name) if self._asks_if_it_can else None)

    def _digest_if_told(self, image: str, name: ImageName) -> str | None:
        """Return the digest; None if the registry does not tell this node."""
        with self._lock:
            if time.monotonic() < self._not_asked.get(name.host, 0.0):
                return None
        try:
            return self._registries.digest_of(image)
        except ImageRefusedError as error:  # the pull shows whether the kubelet may have the image
            log.info("a run starts by its tag", image=image, error=str(error))
            return None
        except RegistryAwayError as error:
            with self._lock:
                if len(self._not_asked) >= _MOST_NOT_ASKED:
                    self._not_asked.clear()
                self._not_asked[name.host] = time.monotonic() + _NOT_ASKED_SECONDS
            log.warning(
                "a registry does not answer this node: runs start by their tag for ten minutes; "
                "set kubernetes.images.mirrors if the node reaches the registry by another name",
                registry=name.host,
                error=str(error),
            )
            return None
