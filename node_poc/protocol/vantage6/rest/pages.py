"""PURE: read the pages of a vantage6 server's list from the last real page to the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog

from node_poc.protocol.vantage6.rest.answers import data_of, last_page

log = structlog.get_logger(__name__)

# With 20 runs on a page, the limit is 20,000 open runs of a node.
_MAX_PAGES = 1000

GetPage = Callable[[int], Mapping[str, Any]]


def pages_from_last(get: GetPage) -> Iterator[list[Any]]:
    """Yield the items of each page, from the last page to the first. Raise the errors of ``get``.

    The server's number of pages may be wrong: pages may have gone meanwhile, or the number is
    absurd. If the named last page is empty, the last page with items is searched.
    """
    first = get(1)
    number, items = _last_real(get, last_page(first))
    while number > 1:
        yield items
        number -= 1
        if number > 1:
            items = data_of(get(number))
    yield data_of(first)


def _last_real(get: GetPage, named: int) -> tuple[int, list[Any]]:
    """Return the number and items of the last page with items; (1, []) for the first page."""
    if named > _MAX_PAGES:
        log.warning("a list names more pages than are read", pages=named)
    low, high, found = 1, min(named, _MAX_PAGES) + 1, list[Any]()
    number = high - 1
    while low < number < high:
        if items := data_of(get(number)):
            low, found = number, items
        else:
            high = number
        number = (low + high) // 2
    return low, found
