"""PURE: which image a run gets, and why a run gets none: digests, registries and signatures."""

from __future__ import annotations

from dataclasses import dataclass

from node_poc.runs.image_names import without_tag
from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus

_TRIED_AGAIN = "It is tried again; ask the site if that takes too long."
_CHECK = (
    "Check the image's name and tag, that it was pushed, and that this node's registry "
    "credentials may read it."
)


@dataclass(frozen=True)
class SettledImage:
    """What the node found out about a run's image before the run's Job.

    Attributes:
        digest: ``sha256:`` and 64 hexadecimal digits of the image that runs. None: the node could
            not ask the registry and did not have to, so Kubernetes runs what the tag means then.
        signed_by: names of the keys whose signatures were required and found, as in the
            configuration, with commas between them. None: no signature was required.
    """

    digest: str | None = None
    signed_by: str | None = None


class RegistryAwayError(Exception):
    """A registry gave no usable answer; the same question may succeed later."""


class ImageRefusedError(Exception):
    """The run cannot have its image, and another try would not help.

    Attributes:
        failure: the reason, with the remedy.
        status: the run's final status.
    """

    def __init__(self, failure: Failure, status: RunStatus = RunStatus.NO_DOCKER_IMAGE) -> None:
        """Take the reason and the run's final status."""
        super().__init__(failure.site_detail or failure.detail)
        self.failure = failure
        self.status = status


def pinned(image: str, digest: str | None) -> str:
    """Return the image's name with the digest in place of the tag; unchanged without a digest."""
    return f"{without_tag(image)}@{digest}" if digest else image


def not_trusted(failure: Failure) -> ImageRefusedError:
    """Return the error of an image whose signature does not satisfy this node."""
    return ImageRefusedError(failure, RunStatus.NOT_ALLOWED)


def not_signed(site_detail: str) -> Failure:
    """Return the failure of a run whose image has no signature, although one is required."""
    detail = "the data station runs this image only with a signature, and the image has none"
    advice = (
        "Sign the image's digest with cosign, by a key that the site trusts, then post the task "
        "again."
    )
    return Failure("ImageNotSigned", detail, advice, site_detail)


def tag_moved(site_detail: str) -> Failure:
    """Return the failure of a run whose tag named a signed image before, and not any more."""
    detail = "the tag names an unsigned image now, and named a signed image before"
    advice = "Sign the new image, or name the signed image by its digest."
    return Failure("TagMoved", detail, advice, site_detail)


def signature_not_trusted(site_detail: str) -> Failure:
    """Return the failure of a run whose image was signed by nobody whom the site trusts."""
    detail = "the image is signed, but by no key that the data station trusts"
    return Failure(
        "SignatureNotTrusted", detail, "Ask the site whose signature it trusts.", site_detail
    )


def signature_of_other_image(site_detail: str) -> Failure:
    """Return the failure of a run whose image has a trusted signature of another image."""
    detail = "the signature stored with the image was made for another image"
    advice = "Sign this image itself: a copied signature does not count."
    return Failure("SignatureOfOtherImage", detail, advice, site_detail)


def signature_unreadable(site_detail: str) -> Failure:
    """Return the failure of a run whose registry answers nonsense, or too much, of signatures."""
    detail = "the signatures of the image cannot be read"
    return Failure(
        "SignatureUnreadable", detail, "Ask the site: its node's log has more.", site_detail
    )


def registry_away(site_detail: str) -> Failure:
    """Return the failure of a run whose registry does not answer the node."""
    detail = "the image's registry does not answer the data station's node"
    return Failure("RegistryAway", detail, _TRIED_AGAIN, site_detail)


def image_not_found(site_detail: str) -> Failure:
    """Return the failure of a run whose image the registry does not have."""
    detail = "the image was not found in its registry"
    return Failure("ImageNotFound", detail, _CHECK, site_detail)


def registry_refuses(site_detail: str) -> Failure:
    """Return the failure of a run whose registry wants another login of the node."""
    detail = "the registry refuses to give the image to this node"
    return Failure("ImageRefused", detail, _CHECK, site_detail)
