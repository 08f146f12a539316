"""PURE: Kubernetes' quantities (``apimachinery/pkg/api/resource``), as far as limits need them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

_FORM = re.compile(r"(\d+(?:\.\d+)?)(m|k|[KMGTPE]i|[MGTPE]|)")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)}
_FACTORS = {"": Decimal(1), "m": Decimal("0.001")} | _BINARY | _DECIMAL


def amount(text: str) -> Decimal:
    """Return a quantity in cores or bytes. Raise ValueError if ``text`` is not a quantity."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("must be a quantity such as 500m, 2 or 4Gi")
    return Decimal(found[1]) * _FACTORS[found[2]]


def _checked(text: str) -> str:
    amount(text)
    return text


Quantity = Annotated[str, AfterValidator(_checked)]
