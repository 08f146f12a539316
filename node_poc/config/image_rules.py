"""Rules of the configuration for images whose name a regular expression matches."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from node_poc.config.base import SUBDOMAIN, Strict
from node_poc.config.expressions import EXPRESSION_LENGTH, why_no_expression
from node_poc.config.quantities import Quantity

# A resource of a device plugin: a domain and a name. Others are Kubernetes' own.
EXTENDED_RESOURCE = rf"^{SUBDOMAIN}/[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"


def _expression(value: str) -> str:
    if why := why_no_expression(value):
        raise ValueError(f"is {why}")
    return value


ImageExpression = Annotated[
    str, Field(min_length=1, max_length=EXPRESSION_LENGTH), AfterValidator(_expression)
]


class ImageResources(Strict):
    """The resources of some images; a key that is left out is as for all other images."""

    images: ImageExpression
    """A regular expression that matches the start of an image's name, in any spelling. The first
    rule with a match counts, and `.*` matches all images."""

    cpu: Quantity | None = None
    """`resources.cpu` of these images."""

    memory: Quantity | None = None
    """`resources.memory` of these images."""

    ephemeral_storage: Quantity | None = None
    """`resources.ephemeral_storage` of these images."""

    cpu_request: Quantity | None = None
    """`resources.cpu_request` of these images."""

    memory_request: Quantity | None = None
    """`resources.memory_request` of these images."""

    ephemeral_storage_request: Quantity | None = None
    """`resources.ephemeral_storage_request` of these images."""

    gpus: int | None = Field(default=None, ge=0)
    """Number of GPUs for each run of these images, whatever `algorithm_device_requests.gpu` says;
    `0`: no GPU."""

    gpu_resource: str | None = Field(default=None, pattern=EXTENDED_RESOURCE)
    """`resources.gpu_resource` of these images."""
