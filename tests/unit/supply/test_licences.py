"""Each locked package has an allowed licence; licences are read from all kinds of metadata."""

from email.message import Message
from pathlib import Path

import pytest
from packaging.version import Version

from supply import licences, locks
from supply.errors import SupplyError


@pytest.mark.parametrize("lock", [locks.NODE, locks.ROOT / "requirements-dev.lock"])
def test_every_locked_package_has_an_allowed_licence(lock: Path) -> None:
    assert licences.not_allowed(locks.read(lock)) == []


def fields(**given: str | list[str]) -> Message:
    message = Message()
    for name, values in given.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


OSI = "License :: OSI Approved"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (fields(License_Expression="MIT or apache-2.0"), "MIT OR Apache-2.0"),
        (fields(License_Expression="MIT", License="GPL-3.0-only"), "MIT"),
        (fields(License="BSD-3-Clause"), "BSD-3-Clause"),
        (fields(License="Apache 2.0"), "Apache-2.0"),
        (fields(License="ISC", Classifier=f"{OSI} :: BSD License"), "ISC"),
        (fields(License="the text\nof a licence", Classifier=f"{OSI} :: MIT License"), "MIT"),
        (fields(Classifier=["Topic :: Security", f"{OSI} :: MIT License"]), "MIT"),
    ],
)
def test_a_licence_is_read(metadata: Message, expected: str) -> None:
    assert licences.expression("a", metadata) == expected


@pytest.mark.parametrize(
    "metadata",
    [
        fields(),
        fields(License="UNKNOWN"),
        fields(License="see LICENSE"),
        fields(Classifier=f"{OSI} :: BSD License"),
        fields(Classifier=[f"{OSI} :: MIT License", f"{OSI} :: Apache Software License"]),
    ],
)
def test_an_unclear_licence_is_an_error(metadata: Message) -> None:
    with pytest.raises(SupplyError, match="a: no licence is known"):
        licences.expression("a", metadata)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT AND ISC) OR GPL-2.0-only", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("LicenseRef-own", False),
    ],
)
def test_both_sides_of_and_count_but_one_side_of_or(licence: str, expected: object) -> None:
    assert licences.allowed(licence) is expected


def test_an_installed_package_of_another_version_does_not_count() -> None:
    other = locks.Locked("rich", Version("0.1"), ("a" * 64,))
    absent = locks.Locked("no-package-of-this-name", Version("1"), ("a" * 64,))
    said = licences.not_allowed([other, absent])
    assert "the lock has 0.1" in said[0]
    assert "not installed" in said[1]
