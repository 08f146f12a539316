"""Rules of the configuration for images whose name a regular expression matches."""

from __future__ import annotations

import re
from typing import Annotated

import regex
from pydantic import AfterValidator, Field

from node_poc.config.base import Strict
from node_poc.config.quantities import Quantity

# As for the expressions in ``policies``: matching has a time limit, and compiling has none.
_EXPRESSION_LENGTH = 1000
# A resource of a device plugin: a domain and a name. Others are Kubernetes' own.
EXTENDED_RESOURCE = (
    r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)


def _expression(value: str) -> str:
    try:
        re.compile(value)
        regex.compile(value)  # matching uses `regex`: `re` has no time limit
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return value


ImageExpression = Annotated[
    str, Field(min_length=1, max_length=_EXPRESSION_LENGTH), AfterValidator(_expression)
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
