"""The partial part: runs at each organization, beside the data."""

from __future__ import annotations

from typing import Any

import pandas as pd
from vantage6.algorithm.tools.decorators import data
from vantage6.algorithm.tools.util import info


@data(1)
def partial_average(table: pd.DataFrame, column_name: str) -> dict[str, Any]:
    """Sum up one column of the organization's database.

    Args:
        table: the first database that the task asks for, as read by the wrapper.
        column_name: a column of numbers; rows without a number are left out.

    Returns:
        ``sum`` and ``count``; no value of a single person.

    Raises:
        ValueError: the column does not exist, or holds no number.
    """
    if column_name not in table.columns:
        known = ", ".join(map(str, table.columns))
        raise ValueError(f"column_name: there is no column {column_name!r}; there are {known}")
    values = pd.to_numeric(table[column_name], errors="coerce").dropna()
    if values.empty:
        raise ValueError(f"column_name: column {column_name!r} holds no number")
    info(f"summed {len(values)} values of {column_name}")
    return {"sum": float(values.sum()), "count": len(values)}
