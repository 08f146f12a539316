"""Sections of vantage6's node configuration, besides ``databases``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from node_poc.config.base import Allowed, Section, Strict, Text
from node_poc.config.expressions import EXPRESSION_LENGTH, why_no_expression

# vantage6's rule: an entry with any of these characters is a regular expression, matched from the
# text's start (``DockerManager.is_docker_image_allowed`` of vantage6 4.x).
REGEX_CHARACTERS = frozenset(r"*\?$^[](){}|+")
# Compiling a large expression takes all memory.
_LARGE_COUNT = re.compile(r"\{[0-9, ]*[0-9]{4}")
DEFAULT_PRIVATE_KEY = "private_key.pem"


def is_regex(entry: str) -> bool:
    """Return whether vantage6 reads an entry of a policy as a regular expression."""
    return bool(REGEX_CHARACTERS & set(entry))


class Policies(Strict):
    """Allowed users and algorithms. An unset policy allows all; ids are compared as text."""

    off_by_null = frozenset({"allow_basics_algorithm", "require_algorithm_pull"})

    allowed_algorithms: Allowed = None
    """Images that may run: names, names with a tag or digest, and regular expressions. None: all
    images. See [images that may run](#images-that-may-run).

    Differs: an entry matches up to the end of a part of the name. An empty list is an error; in
    vantage6 an empty list allows everything.
    """

    allowed_algorithm_stores: Allowed = None
    """Algorithm stores whose algorithms may run: URLs or regular expressions. None: the node asks
    no store.

    Differs: an expression must match the whole scheme, host and port. The node also asks the store
    itself, three times at most. A store that does not answer allows nothing.
    """

    allowed_users: Allowed = None
    """Users whose tasks may run: ids, also written as numbers. None: all users. If
    `allowed_organizations` is set too, one of the two has to allow the task."""

    allowed_organizations: Allowed = None
    """Organizations whose tasks may run: ids, also written as numbers, or names. None: all
    organizations."""

    allow_basics_algorithm: bool = True
    """With false, the node refuses vantage6's basics image."""

    allow_either_whitelist_or_store: bool = False
    """With true, and both lists of algorithms set, one of the two has to allow the image.

    Differs: if only one list is set, this list decides; in vantage6 everything is then allowed.
    """

    require_algorithm_pull: bool = True
    """With false, the cluster uses an image that the machine already has, without asking the
    registry."""

    @field_validator("allowed_algorithms", "allowed_algorithm_stores")
    @classmethod
    def _expressions(cls, value: list[str] | None) -> list[str] | None:
        for entry in filter(is_regex, value or []):
            if len(entry) > EXPRESSION_LENGTH or _LARGE_COUNT.search(entry):
                raise ValueError(
                    f"{entry[:80]!r} is too large: an expression may have {EXPRESSION_LENGTH} "
                    "characters, and counts such as {3} below 1000"
                )
            if why := why_no_expression(entry):
                raise ValueError(f"{entry!r} is {why}")
        return value


class Encryption(Strict):
    """End-to-end encryption; ``enabled`` must be equal to the collaboration's setting.

    ``private_key`` is the path of a file. A relative path is relative to the configuration file
    here, and to vantage6's own data folder on a Docker node.
    """

    enabled: bool = False
    """Encrypts inputs and results end to end. Must be the same as in the collaboration."""

    private_key: str | None = None
    """File of the organization's private key. None: `private_key.pem`. A relative path starts at
    the folder of the configuration file. In pods the key comes from a Secret."""

    @property
    def key_file(self) -> str:
        """The path of the private key's file."""
        return self.private_key or DEFAULT_PRIVATE_KEY


class Prometheus(Strict):
    """Whether and how often the node reports metrics of its machine to the server."""

    enabled: bool = False
    """With true, the node sends the use of its machine (CPU, memory, active runs) to the server."""

    report_interval_seconds: float = Field(default=45, gt=0, strict=False)
    """Seconds between two of these messages."""


class DeviceRequests(Strict):
    """Devices for algorithms; ``kubernetes.resources.gpus`` has the number of GPUs."""

    gpu: bool = False
    """Gives GPUs to each run.

    Differs: `kubernetes.resources.gpus` GPUs of a device plugin (`gpu_resource`), not all GPUs of
    the machine.
    """


class Registry(Strict):
    """A private registry of images."""

    registry: str = Field(min_length=1)
    """Host of the registry, with the port if the registry has one. `http://` before the host, if
    the registry has no TLS."""

    username: Text
    """User name at the registry."""

    password: Text = Field(repr=False)
    """Password or token at the registry."""


def _level(value: object) -> object:
    """Return a level in capitals, as Python accepts any case; NOTSET is the lowest named level."""
    if isinstance(value, str):
        return {"NOTSET": "DEBUG"}.get(value.upper(), value.upper())
    return value


class Logging(Section):
    """vantage6's ``logging``; only the level applies, because a pod logs to its console."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_level)
    ] = "INFO"
    """How much node and proxy log: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`."""
