"""Advisories in the OSV format, and whether a version is affected.

Format and rules: https://ossf.github.io/osv-schema/ (version 1.7), "Evaluation". Versions of the
ecosystem PyPI are compared by PEP 440.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from supply.errors import SupplyError

ECOSYSTEM = "PyPI"
_EVENTS = ("introduced", "fixed", "last_affected", "limit")
Event = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Affected:
    """Versions of one package that an advisory names.

    Args:
        package: the canonical name.
        versions: single versions.
        ranges: lists of events, each a kind (as ``introduced``) and a version.
    """

    package: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[Event, ...], ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """One advisory, with its packages of PyPI only.

    Args:
        id: its name, as ``GHSA-…`` or ``PYSEC-…``.
        aliases: names of the same fault in other databases.
        summary: one line for people; may be empty.
        modified: the time of its last change.
        withdrawn: whether its authors took the advisory back.
        affected: its packages of PyPI; empty for other ecosystems.
    """

    id: str
    aliases: frozenset[str]
    summary: str
    modified: datetime
    withdrawn: bool
    affected: tuple[Affected, ...]


def parse(record: object, place: str) -> Advisory:
    """Return the advisory of one OSV record.

    Args:
        record: the loaded JSON.
        place: the file, for the error.

    Raises:
        SupplyError: a field is missing or of the wrong type; the text names place and field.
    """
    fields = _typed(record, dict, f"{place}: the record")
    name = _typed(fields.get("id"), str, f"{place}: id")
    aliases = _texts(fields.get("aliases"), f"{place}: aliases")
    entries = _typed(fields.get("affected") or [], list, f"{place}: affected")
    return Advisory(
        name,
        frozenset(aliases),
        _typed(fields.get("summary") or "", str, f"{place}: summary"),
        _time(fields.get("modified"), f"{place}: modified"),
        bool(fields.get("withdrawn")),
        tuple(_affected(entry, f"{place}: affected") for entry in entries if _of_pypi(entry)),
    )


def _of_pypi(entry: object) -> bool:
    """Return whether an entry may be of PyPI; an ecosystem may have a suffix after a colon."""
    package = entry.get("package") if isinstance(entry, dict) else None
    ecosystem = package.get("ecosystem") if isinstance(package, dict) else None
    return not isinstance(ecosystem, str) or ecosystem.partition(":")[0] == ECOSYSTEM


def _affected(entry: object, place: str) -> Affected:
    fields = _typed(entry, dict, place)
    package = _typed(fields.get("package"), dict, f"{place}.package")
    name = _typed(package.get("name"), str, f"{place}.package.name")
    _typed(package.get("ecosystem"), str, f"{place}.package.ecosystem")
    ranges = _typed(fields.get("ranges") or [], list, f"{place}.ranges")
    events = [
        _events(_typed(one, dict, f"{place}.ranges"), f"{place}.ranges.events")
        for one in ranges
        if not (isinstance(one, dict) and one.get("type") == "GIT")
    ]
    versions = _texts(fields.get("versions"), f"{place}.versions")
    return Affected(canonicalize_name(name), tuple(versions), tuple(events))


def _events(one: Mapping[str, Any], place: str) -> tuple[Event, ...]:
    found: list[Event] = []
    for event in _typed(one.get("events"), list, place):
        fields = _typed(event, dict, place)
        if len(fields) != 1 or next(iter(fields)) not in _EVENTS:
            raise SupplyError(f"{place}: an event has one key of {', '.join(_EVENTS)}")
        kind, version = next(iter(fields.items()))
        found.append((kind, _typed(version, str, f"{place}.{kind}")))
    if not any(kind == "introduced" for kind, _ in found):
        raise SupplyError(f"{place}: a range has at least one event introduced")
    return tuple(found)


def _texts(value: object, place: str) -> list[str]:
    return [_typed(one, str, place) for one in _typed(value or [], list, place)]


def _typed(value: Any, kind: type, place: str) -> Any:
    if not isinstance(value, kind):
        raise SupplyError(f"{place} must be of type {kind.__name__}, not {type(value).__name__}")
    return value


def _time(value: object, place: str) -> datetime:
    try:
        time = datetime.fromisoformat(_typed(value, str, place))
    except ValueError as error:
        raise SupplyError(f"{place} must be a time as 2026-01-31T12:00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_affected(affected: Affected, version: Version) -> bool | None:
    """Return whether a version is affected; None if the advisory's own versions cannot be read."""
    if version in _readable(affected.versions):
        return True
    if not affected.ranges:
        # With neither versions nor ranges, the advisory may mean every version.
        return False if affected.versions else None
    verdicts = [_in_range(events, version) for events in affected.ranges]
    return True if True in verdicts else None if None in verdicts else False


def _readable(versions: Iterable[str]) -> set[Version]:
    found = set()
    for text in versions:
        try:
            found.add(Version(text))
        except InvalidVersion:
            continue  # a locked version follows PEP 440, and is therefore another one
    return found


def _in_range(events: tuple[Event, ...], version: Version) -> bool | None:
    """Return whether a range holds a version; None if a version of the range cannot be read."""
    try:
        texts = [text for kind, text in events if kind == "limit"]
        limits = [] if "*" in texts else [Version(text) for text in texts]
        ordered = sorted(_place(event) for event in events if event[0] != "limit")
    except InvalidVersion:
        return None
    if limits and not any(version < limit for limit in limits):
        return False
    affected = False
    for begins, at, kind in ordered:
        if begins == 0 or (kind == "introduced" and version >= at):
            affected = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            affected = False
    return affected


def _place(event: Event) -> tuple[int, Version, str]:
    """Return the order of an event: ``introduced: 0`` is before each version, even 0.dev0.

    At the same version, ``fixed`` comes before ``introduced``, and ``last_affected`` after it.
    """
    kind, text = event
    if kind == "introduced" and text == "0":
        return 0, Version("0"), kind
    return 1, Version(text), kind
