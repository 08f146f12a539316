"""OSV records are read field by field; versions are judged by OSV's rules and PEP 440."""

import copy
from typing import Any

import pytest
from packaging.version import Version

from supply import osv
from supply.errors import SupplyError

RECORD: dict[str, Any] = {
    "id": "GHSA-1",
    "modified": "2026-11-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "A_b.C"}, "versions": ["1.0"]}],
}


def judged(version: str, *events: tuple[str, str], versions: tuple[str, ...] = ()) -> bool | None:
    ranges = (events,) if events else ()
    return osv.is_affected(osv.Affected("a", versions, ranges), Version(version))


FROM_START = ("introduced", "0")
FIXED = (FROM_START, ("fixed", "2.0"))


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        ("0.0.dev0", FIXED, True),
        ("0!0a1.dev1", (FROM_START,), True),
        ("1.9.99", FIXED, True),
        ("2.0rc1", FIXED, True),
        ("2.0.dev1", FIXED, True),
        ("2.0", FIXED, False),
        ("2", FIXED, False),
        ("2.0.post1", FIXED, False),
        ("2.0+local", FIXED, False),
        ("1!0.1", FIXED, False),
        ("10.0", (("introduced", "9.0"),), True),
        ("1.5", (("introduced", "1.5"), ("last_affected", "1.7")), True),
        ("1.7", (("introduced", "1.5"), ("last_affected", "1.7")), True),
        ("1.7.post1", (("introduced", "1.5"), ("last_affected", "1.7")), False),
        ("1.5rc1", (("introduced", "1.5"),), False),
        ("1.5", (("introduced", "1.5"), ("last_affected", "1.5")), True),
        ("1.6", (("introduced", "1.5"), ("last_affected", "1.5")), False),
        # in any order, and several pieces
        ("3.5", (("fixed", "4"), ("introduced", "3"), ("fixed", "2"), FROM_START), True),
        ("2.5", (("fixed", "4"), ("introduced", "3"), ("fixed", "2"), FROM_START), False),
        ("2", (FROM_START, ("fixed", "2"), ("introduced", "2"), ("fixed", "3")), True),
        ("2", (FROM_START, ("limit", "2")), False),
        ("1", (FROM_START, ("limit", "2")), True),
        ("5", (FROM_START, ("limit", "2"), ("limit", "*")), True),
        # versions that PEP 440 does not know
        ("1", (FROM_START, ("fixed", "2004b-x")), None),
    ],
)
def test_a_version_is_judged_by_a_range(
    version: str, events: tuple[tuple[str, str], ...], expected: object
) -> None:
    assert judged(version, *events) is expected


def test_a_listed_version_is_affected_in_any_spelling_and_beside_its_ranges() -> None:
    assert judged("1.0", versions=("1",)) is True
    assert judged("1.0rc1", versions=("1.0-RC.1",)) is True
    assert judged("1.1", versions=("1", "not a version")) is False
    assert judged("5.0", *FIXED, versions=("5.0",)) is True
    assert judged("1.0", (FROM_START), ("fixed", "?"), versions=("1.0",)) is True


def test_an_advisory_without_versions_and_ranges_is_unclear() -> None:
    assert judged("1.0") is None


def test_one_affected_range_is_enough() -> None:
    affected = osv.Affected("a", (), (FIXED, (("introduced", "3"),)))
    assert osv.is_affected(affected, Version("3.1")) is True
    assert osv.is_affected(affected, Version("2.5")) is False


def test_a_record_is_read() -> None:
    record = {
        **RECORD,
        "aliases": ["CVE-1"],
        "withdrawn": "2026-11-02T00:00:00Z",
        "summary": "bad",
        "database_specific": {"anything": 1},
    }
    advisory = osv.parse(record, "x")
    assert (advisory.id, advisory.aliases, advisory.summary) == ("GHSA-1", {"CVE-1"}, "bad")
    assert advisory.withdrawn
    assert advisory.affected == (osv.Affected("a-b-c", ("1.0",), ()),)
    assert not osv.parse(RECORD, "x").withdrawn


@pytest.mark.parametrize(
    ("ecosystem", "taken"), [("PyPI", 1), ("PyPI:mirror", 1), ("npm", 0), ("Debian:13", 0)]
)
def test_other_ecosystems_are_left_out(ecosystem: str, taken: int) -> None:
    record = copy.deepcopy(RECORD)
    record["affected"][0]["package"]["ecosystem"] = ecosystem
    assert len(osv.parse(record, "x").affected) == taken


def test_ranges_of_commits_are_left_out() -> None:
    record = copy.deepcopy(RECORD)
    git = {"type": "GIT", "repo": "r", "events": [{"introduced": "0"}]}
    own = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}
    record["affected"][0]["ranges"] = [git, own]
    ranges = osv.parse(record, "x").affected[0].ranges
    assert ranges == ((("introduced", "0"), ("fixed", "2")),)


def changed(**fields: Any) -> dict[str, Any]:
    return {**RECORD, **fields}


def with_affected(**fields: Any) -> dict[str, Any]:
    return changed(affected=[{**RECORD["affected"][0], **fields}])


def with_events(*events: Any) -> dict[str, Any]:
    return with_affected(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "x: the record must be of type dict, not list"),
        ({}, "x: id must be of type str, not NoneType"),
        (changed(id=1), "x: id"),
        (changed(modified=None), "x: modified must be of type str"),
        (changed(modified="yesterday"), "x: modified must be a time"),
        (changed(aliases="CVE-1"), "x: aliases must be of type list"),
        (changed(aliases=[1]), "x: aliases must be of type str"),
        (changed(affected={"a": 1}), "x: affected must be of type list"),
        (changed(affected=[1]), "x: affected must be of type dict"),
        (changed(affected=[{}]), "x: affected.package must be"),
        (changed(affected=[{"package": {"name": "a"}}]), "x: affected.package.ecosystem"),
        (changed(affected=[{"package": {"ecosystem": "PyPI"}}]), "x: affected.package.name"),
        (with_affected(versions=[1.0]), "x: affected.versions must be of type str, not float"),
        (with_affected(ranges=[1]), "x: affected.ranges must be of type dict"),
        (with_affected(ranges=[{}]), "x: affected.ranges.events must be of type list"),
        (with_events(), "at least one event introduced"),
        (with_events({"fixed": "1"}), "at least one event introduced"),
        (with_events({"introduced": "0", "fixed": "1"}), "an event has one key"),
        (with_events({"begun": "0"}), "an event has one key"),
        (with_events({"introduced": 0}), "x: affected.ranges.events.introduced"),
    ],
)
def test_a_broken_record_is_an_error_that_names_the_field(record: object, said: str) -> None:
    with pytest.raises(SupplyError) as caught:
        osv.parse(record, "x")
    assert said in str(caught.value)
