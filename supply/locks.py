"""Lock files: the packages of an environment or an image, each with version and hashes.

The format is that of pip's requirements with ``--hash`` options, as ``uv pip compile`` writes them
(https://pip.pypa.io/en/stable/topics/secure-installs/).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from supply.errors import SupplyError

ROOT = Path(__file__).parent.parent
#: The lock of the node's image and wheel.
NODE = ROOT / "node_poc" / "requirements.lock"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_REMEDY = "make the file anew with `make lock`"


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock.

    Args:
        name: its canonical name, in small letters with ``-``.
        version: its only version.
        hashes: SHA-256 of each file that may be installed, in hexadecimal digits.
        marker: the condition under which the package is installed; None for always.
    """

    name: str
    version: Version
    hashes: tuple[str, ...]
    marker: Marker | None = None


def read(path: Path) -> list[Locked]:
    """Return the packages of a lock file, in the file's order.

    Raises:
        SupplyError: the file cannot be read, an entry has no exact version or no hash, or the file
            has anything else than packages, for example an option or an address.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SupplyError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = "\n".join(kept).replace("\\\n", " ").splitlines()
    found = [_entry(path.name, entry) for entry in entries if entry.strip()]
    if not found:
        raise SupplyError(f"{path.name}: has no package; {_REMEDY}")
    return found


def _entry(file: str, text: str) -> Locked:
    before, _, _ = text.partition("--hash")
    if _HASH.sub("", text[len(before) :]).strip():
        raise SupplyError(f"{file}: {before.strip()!r} has an option that is no SHA-256; {_REMEDY}")
    try:
        requirement = Requirement(before.strip())
    except InvalidRequirement as error:
        raise SupplyError(f"{file}: {before.strip()!r} is no package; {_REMEDY}") from error
    pins = [one for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
    if requirement.url or len(pins) != 1 or len(requirement.specifier) != 1:
        raise SupplyError(f"{file}: {requirement.name} has no exact version; {_REMEDY}")
    hashes = tuple(_HASH.findall(text))
    if not hashes:
        raise SupplyError(f"{file}: {requirement.name} has no hash; {_REMEDY}")
    name = canonicalize_name(requirement.name)
    return Locked(name, Version(pins[0].version), hashes, requirement.marker)
