"""Compares locked packages with advisories."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from supply.locks import Locked
from supply.osv import Advisory, Affected, is_affected

_SUMMARY_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One known fault of a locked package.

    Args:
        package: the locked package.
        ids: all names of the fault, the reported one first.
        fixed: versions without the fault, oldest first; empty if the advisory names none.
        summary: one line; may be empty.
        certain: False if the advisory's versions cannot be read, and a person must look.
    """

    package: Locked
    ids: tuple[str, ...]
    fixed: tuple[str, ...]
    summary: str
    certain: bool


def compare(
    packages: Iterable[Locked], advisories: Iterable[Advisory], ignored: Collection[str] = ()
) -> list[Finding]:
    """Return the findings by package; advisories with a common name are one finding.

    Args:
        packages: the packages of a lock.
        advisories: the known faults; withdrawn advisories do not count.
        ignored: names or aliases of faults already judged by a person.
    """
    by_name: dict[str, list[tuple[Advisory, Affected]]] = defaultdict(list)
    for advisory in advisories:
        names = {advisory.id, *advisory.aliases}
        if not advisory.withdrawn and names.isdisjoint(ignored):
            for affected in advisory.affected:
                by_name[affected.package].append((advisory, affected))
    found: list[Finding] = []
    for package in sorted(packages, key=lambda one: (one.name, one.version)):
        found += _merged(_of_package(package, by_name.get(package.name, [])))
    return found


def _of_package(package: Locked, known: list[tuple[Advisory, Affected]]) -> list[Finding]:
    found = []
    for advisory, affected in known:
        verdict = is_affected(affected, package.version)
        if verdict is not False:
            ids = (advisory.id, *sorted(advisory.aliases - {advisory.id}))
            fixed = _fixed(affected, package.version)
            summary = one_line(advisory.summary)
            found.append(Finding(package, ids, fixed, summary, certain=verdict is True))
    return found


def _fixed(affected: Affected, version: Version) -> tuple[str, ...]:
    found = set()
    for kind, text in (event for events in affected.ranges for event in events):
        try:
            if kind == "fixed" and Version(text) > version:
                found.add(Version(text))
        except InvalidVersion:
            continue
    return tuple(str(one) for one in sorted(found))


def _merged(findings: list[Finding]) -> list[Finding]:
    """Join a package's findings with a common name."""
    merged: list[Finding] = []
    for finding in sorted(findings, key=lambda one: one.ids):
        same = [one for one in merged if not set(one.ids).isdisjoint(finding.ids)]
        joined = finding
        for other in same:
            merged.remove(other)
            joined = _joined(other, joined)
        merged.append(joined)
    return merged


def _joined(first: Finding, second: Finding) -> Finding:
    fixed = sorted({*first.fixed, *second.fixed}, key=Version)
    return Finding(
        first.package,
        tuple(dict.fromkeys((*first.ids, *second.ids))),
        tuple(fixed),
        first.summary or second.summary,
        certain=first.certain or second.certain,
    )


def one_line(text: str) -> str:
    """Return a text from outside as one short line without control characters."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= _SUMMARY_LENGTH else plain[: _SUMMARY_LENGTH - 1] + "…"


def table(findings: Iterable[Finding]) -> str:
    """Return the findings as a table for people, one line each."""
    rows = [("PACKAGE", "VERSION", "FIXED IN", "ADVISORY", "SUMMARY")]
    for one in findings:
        advice = ", ".join(one.fixed) or "no version"
        ids = one_line(" ".join(one.ids))
        summary = one.summary if one.certain else f"versions unclear, look yourself: {one.summary}"
        rows.append((one.package.name, str(one.package.version), advice, ids, summary))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]
        ).rstrip()
        for row in rows
    )
