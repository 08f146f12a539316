"""The licence of each locked package, as an SPDX expression, and the allowed licences.

Licences stand in the metadata of installed packages (https://packaging.python.org/en/latest/
specifications/core-metadata/): a ``License-Expression``, or in older packages ``License`` and
classifiers in words of many kinds.
"""

from collections.abc import Iterable
from email.message import Message
from importlib import metadata
from typing import Any, cast

from license_expression import ExpressionError, get_spdx_licensing
from packaging.version import Version

from supply.errors import SupplyError
from supply.locks import Locked

#: Permissive licences, and MPL-2.0, whose terms end at the files of the package itself.
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT"),
        *("MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"),
    }
)
_SPDX: Any = get_spdx_licensing()
#: Free words of ``License``, in small letters.
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
}
#: Classifiers of a single licence; "BSD License" may be several.
_CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}


def installed(package: Locked) -> metadata.Distribution:
    """Return the installed package.

    Raises:
        SupplyError: the package is not installed, or in another version than the lock's.
    """
    try:
        found = metadata.distribution(package.name)
    except metadata.PackageNotFoundError as error:
        raise SupplyError(f"{package.name} is not installed: run `make check` once") from error
    if Version(found.version) != package.version:
        raise SupplyError(
            f"{package.name} is installed as {found.version}, and the lock has {package.version}: "
            "remove .venv, then run `make check`"
        )
    return found


def of(package: Locked) -> str:
    """Return the SPDX expression of an installed package.

    Raises:
        SupplyError: the package is not installed in this version, or its licence is not known.
    """
    return expression(package.name, cast("Message", installed(package).metadata))


def expression(name: str, fields: Message) -> str:
    """Return the SPDX expression of a package from its metadata.

    Raises:
        SupplyError: the metadata have no licence, or words missing in the tables of this module.
    """
    words = (fields.get("License-Expression") or fields.get("License") or "").strip()
    words = _WORDS.get(words.lower(), words)
    if words and "\n" not in words:
        known = _parsed(words)
        if known is not None:
            return known
    named = {_CLASSIFIERS.get(one) for one in fields.get_all("Classifier") or []} - {None}
    if len(named) != 1:
        raise SupplyError(f"{name}: no licence is known; look it up and extend supply/licences.py")
    return str(named.pop())


def _parsed(words: str) -> str | None:
    """Return the expression in SPDX's own spelling, or None if a word of it is unknown."""
    try:
        parsed = _SPDX.parse(words, validate=True)
    except ExpressionError:
        return None
    return str(parsed) if parsed is not None else None


def allowed(licence: str) -> bool:
    """Return whether a licence may be used: each side of AND, and at least one side of OR."""
    return _allowed(_SPDX.parse(licence))


def _allowed(parsed: Any) -> bool:
    if isinstance(parsed, _SPDX.OR):
        return any(_allowed(one) for one in parsed.args)
    if isinstance(parsed, _SPDX.AND):
        return all(_allowed(one) for one in parsed.args)
    return str(parsed) in ALLOWED  # with an exception, the text is "A WITH B"


def not_allowed(packages: Iterable[Locked]) -> list[str]:
    """Return one text per package whose licence is unknown or not allowed.

    Packages for other platforms are left out, because they are not installed here.
    """
    found = []
    for package in packages:
        if package.marker is not None and not package.marker.evaluate():
            continue
        try:
            licence = of(package)
        except SupplyError as error:
            found.append(str(error))
            continue
        if not allowed(licence):
            found.append(f"{package.name} {package.version}: {licence} is not an allowed licence")
    return found
