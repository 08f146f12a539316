"""PURE: the pages of a list at a vantage6 server, the last one first, and real ones only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog

from node_poc.protocol.vantage6.rest.answers import data_of, last_page

log = structlog.get_logger(__name__)

# At 20 runs a page these are 20,000 open runs of one node.
_MAX_PAGES = 1000

GetPage = Callable[[int], Mapping[str, Any]]


def pages_from_last(get: GetPage) -> Iterator[list[Any]]:
    """The items of each page, from the last page to the first. Raises what ``get`` raises.

    How many pages there are the server says, and that may be wrong: pages went meanwhile, or it is
    absurd. So the last page that has something is looked for where the one that is named has not.
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
    """The last page that has items, and these; (1, []) if that is the first."""
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
