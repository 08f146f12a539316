"""Locked packages are compared with advisories; faults are told once, with the fixed versions."""

from collections.abc import Iterable
from datetime import UTC, datetime

from packaging.version import Version

from supply import audit
from supply.locks import Locked
from supply.osv import Advisory, Affected

HASHES = ("a" * 64,)
A = Locked("a-b", Version("1.5"), HASHES)
B = Locked("b", Version("1.0"), HASHES)
FIXED_IN_2 = Affected("a-b", (), ((("introduced", "0"), ("fixed", "2")),))


def advisory(
    name: str,
    *affected: Affected,
    aliases: Iterable[str] = (),
    withdrawn: bool = False,
    summary: str = "",
) -> Advisory:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Advisory(name, frozenset(aliases), summary, when, withdrawn, affected)


def test_a_fault_is_found_with_its_names_and_fixed_versions() -> None:
    pieces = ((("introduced", "0"), ("fixed", "1"), ("introduced", "1.2"), ("fixed", "1.10")),)
    affected = Affected("a-b", (), (*pieces, (("introduced", "1.5"), ("fixed", "1.6"))))
    known = [advisory("GHSA-1", affected, aliases=["CVE-1"], summary="bad")]
    expected = audit.Finding(A, ("GHSA-1", "CVE-1"), ("1.6", "1.10"), "bad", certain=True)
    assert audit.compare([B, A], known) == [expected]


def test_other_packages_versions_and_withdrawn_advisories_do_not_count() -> None:
    known = [
        advisory("X", Affected("a", (), FIXED_IN_2.ranges)),
        advisory("Y", Affected("a-b", ("1.4",), ())),
        advisory("Z", FIXED_IN_2, withdrawn=True),
    ]
    assert audit.compare([A, B], known) == []


def test_aliases_are_one_finding_also_by_a_third_name() -> None:
    known = [
        advisory("GHSA-1", FIXED_IN_2, aliases=["CVE-1"]),
        advisory("PYSEC-1", FIXED_IN_2, aliases=["CVE-1"], summary="bad"),
        advisory("OTHER-1", FIXED_IN_2, aliases=["PYSEC-1"]),
        advisory("GHSA-2", FIXED_IN_2),
    ]
    found = audit.compare([A], known)
    assert [set(one.ids) for one in found] == [
        {"GHSA-2"},
        {"GHSA-1", "CVE-1", "PYSEC-1", "OTHER-1"},
    ]
    assert found[1].summary == "bad"


def test_an_ignored_fault_is_left_out_by_each_of_its_names() -> None:
    known = [advisory("GHSA-1", FIXED_IN_2, aliases=["CVE-1"]), advisory("GHSA-2", FIXED_IN_2)]
    assert [one.ids for one in audit.compare([A], known, {"CVE-1"})] == [("GHSA-2",)]
    assert [one.ids for one in audit.compare([A], known, {"GHSA-1"})] == [("GHSA-2",)]


def test_unreadable_versions_are_told_as_unclear() -> None:
    affected = Affected("a-b", (), ((("introduced", "0"), ("fixed", "2004b-x")),))
    found = audit.compare([A], [advisory("GHSA-1", affected, summary="bad")])
    assert [(one.certain, one.fixed) for one in found] == [(False, ())]
    assert "versions unclear, look yourself: bad" in audit.table(found)


def test_the_table_has_a_line_for_each_fault_and_no_control_characters() -> None:
    text = "a\x1b[31m line\nand " + "x" * 200
    found = audit.compare([A], [advisory("GHSA-1", FIXED_IN_2, summary=text)])
    lines = audit.table(found).splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["PACKAGE", "VERSION", "FIXED", "IN", "ADVISORY", "SUMMARY"]
    assert lines[1].startswith("a-b      1.5      2         GHSA-1    a [31m line and xxx")
    assert lines[1].endswith("…")
    assert "\x1b" not in lines[1]
