"""Base classes and value types of the configuration's sections."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
#: Kubernetes' rule for most names of objects (RFC 1123 subdomain), without the ends of a text.
SUBDOMAIN = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
OBJECT_NAME = rf"^{SUBDOMAIN}$"


class Section(BaseModel):
    """A section of the file, in which a key without a value counts as left out.

    The string below each field describes the key to users, and `docs/configuration.md` shows the
    string: the meaning with its unit, then paragraphs that start with ``Differs:`` (from a Docker
    node), ``No effect:`` or ``Default:`` (the reason of the default).
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    # vantage6 reads these keys with `get(key, True)` and tests the truth of the value: null is
    # false.
    off_by_null: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        off = dict.fromkeys(cls.off_by_null & values.keys(), False)
        means = {name for name, field in cls.model_fields.items() if _may_be_none(field.annotation)}
        kept = {key: value for key, value in values.items() if value is not None or key in means}
        return off | kept


def _may_be_none(annotation: object) -> bool:
    return NoneType in get_args(annotation)


class Strict(Section):
    """A section that refuses unknown keys, because a misspelt setting must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def without_nulls(section: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return the section without those of ``keys`` whose value is null."""
    return {key: value for key, value in section.items() if value is not None or key not in keys}


def model_inside(annotation: object) -> type[BaseModel] | None:
    """Return the model of a field: of its value, of a list's items, or of a dict's values."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that differ where the texts differ."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# Control characters change what a terminal or a log shows of a path; so do those of direction.
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def absolute_path(value: str) -> str:
    """Return ``value`` if it is a plain absolute path; raise ValueError otherwise."""
    # A path may start with two slashes: POSIX leaves their meaning to the system, and Linux takes
    # both for one slash.
    path = PurePosixPath("/" + value.lstrip("/")) if value.startswith("/") else None
    if path is None or ".." in path.parts or len(path.parts) == 1:
        raise ValueError("must be an absolute path without `..`, and not /")
    if any(_is_control(character) for character in value):
        raise ValueError("must be a path without control characters: type it again by hand")
    return str(path)


def _is_control(character: str) -> bool:
    return (
        unicodedata.category(character) == "Cc"
        or unicodedata.bidirectional(character) in _DIRECTIONS
    )


def _as_text(value: object) -> object:
    """Return numbers and booleans as text: vantage6 applies ``str()`` to ids and passwords too."""
    return str(value) if isinstance(value, bool | int | float) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _not_empty(value: object) -> object:
    if value == []:
        # vantage6 treats an empty list like a missing key, and allows everything.
        raise ValueError("is empty: name what is allowed, or remove the key to allow all")
    return value


def _as_choice(value: object) -> object:
    """Return ``on`` or ``off`` for a boolean: YAML reads both words as booleans."""
    return ("on" if value else "off") if isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Choice = Annotated[Literal["auto", "on", "off"], BeforeValidator(_as_choice)]
Allowed = Annotated[list[Text] | None, BeforeValidator(_not_empty), BeforeValidator(_as_list)]
