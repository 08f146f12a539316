"""Signatures that images need, and whether the node can settle on the allowed images now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.images import SignatureRule
from node_poc.config.model import NodeConfig
from node_poc.config.sections import is_regex
from node_poc.registry.tags import Registries
from node_poc.registry.verify import Verifier
from node_poc.runs.image_names import ImageName, parse_image
from node_poc.runs.trusted_images import ImageRefusedError, RegistryAwayError

# A registry that is away takes some seconds for each image.
_MOST_IMAGES = 20
_AWAY = "let the node's pod reach the registry, or set kubernetes.images.mirrors"


def look_at_images(config: NodeConfig) -> Iterator[Line]:
    """Ask the registries, with the site's logins, about the allowed images; yield the findings."""
    yield from of_rules(config.kubernetes.images.signatures)
    entries = config.policies.allowed_algorithms or []
    names = {entry: parse_image(entry) for entry in entries if not is_regex(entry)}
    look = _Look(config)
    for entry, name in list(names.items())[:_MOST_IMAGES]:
        if name is not None:
            yield look.at(entry, name)
    if len(names) > _MOST_IMAGES:
        yield ok(f"allowed images beyond the first {_MOST_IMAGES} were not looked up")
    patterns = len(entries) - len(names)
    if patterns:
        yield ok(f"{patterns} patterns in policies.allowed_algorithms name no single image")


def of_node(image: str) -> Line:
    """Return whether the node's own image is named by digest."""
    name = parse_image(image)
    if name is not None and name.digest:
        return ok(f"the node's image is {image}")
    return warning(
        f"the node's image is {image}, a name without a digest: whoever can push to its registry "
        "decides which program the node's next pod and the gate of each run are",
        "render with --image NAME@sha256:…, the digest that the push of the image printed",
    )


def of_rules(rules: Sequence[SignatureRule]) -> Iterator[Line]:
    """Yield which images need whose signature."""
    for rule in rules:
        yield ok(f"images {', '.join(rule.images)} need a signature by {' or '.join(rule.keys)}")
    if not rules:
        yield ok("no image needs a signature (kubernetes.images.signatures)")


class _Look:
    """Looks up images as the node does for a run."""

    def __init__(self, config: NodeConfig) -> None:
        settings = config.kubernetes.images
        self._registries = Registries.of(config)
        self._verifier = Verifier(settings.signatures)
        self._needs_digest = settings.resolve == "on"

    def at(self, entry: str, name: ImageName) -> Line:
        """Return the finding about one allowed image."""
        needs_signature = self._verifier.wants_signature(name)
        # Without a need for a digest, a run starts by its tag.
        bad = failure if needs_signature or self._needs_digest else warning
        try:
            digest = self._registries.digest_of(entry)
            if not needs_signature:
                return ok(f"image {entry} is {digest}")
            signed_by = self._verifier.verify(self._registries.site(name), name, digest)
            return ok(f"image {entry} is {digest}, signed by {signed_by}")
        except ImageRefusedError as error:
            cause = error.failure.cause
            return bad(f"image {entry}: {cause}: {error}"[:400], error.failure.advice or "")
        except RegistryAwayError as error:
            return bad(f"image {entry}: RegistryAway: {error}"[:400], _AWAY)
