"""Asks an algorithm store whether an image is one of its algorithms."""

from __future__ import annotations

import time
from typing import Any

import structlog

from node_poc.protocol.vantage6.errors import RefusedError, StoreAwayError, UnreachableError
from node_poc.protocol.vantage6.rest.answers import data_of
from node_poc.protocol.vantage6.rest.session import Rest
from node_poc.runs.image_names import parse_image

log = structlog.get_logger(__name__)

# A store is asked so often; vantage6 asks as often.
_TRIES = 3
_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


def store_has(rest: Rest, store_url: str, image: str) -> bool:
    """Whether an algorithm store says that an image is one of its algorithms.

    The store asks the server, by the node's token, whether it may tell. One that says no (4xx)
    does not say that it has the image; nor does one that lists others, as a store does which takes
    the name for a pattern.

    Raises:
        StoreAwayError: it gave no answer, three times.
        ServerError: there is trouble with the server's token; as ``Rest.token``.
    """
    url, tries = f"{store_url.rstrip('/')}/algorithm", 0
    while True:
        token = rest.token()  # outside: its trouble is the server's, and not the store's
        try:
            found = data_of(rest.get_elsewhere(url, token, {"image": image}, _SECONDS))
            return any(_is_of(item, image) for item in found)
        except RefusedError as error:
            log.info("an algorithm store does not answer this node", error=str(error))
            return False
        except UnreachableError as error:
            tries += 1
            if tries == _TRIES:
                raise StoreAwayError(str(error)) from error
            time.sleep(_PAUSE_SECONDS)


def _is_of(item: Any, image: str) -> bool:
    listed = parse_image(str(item.get("image"))) if isinstance(item, dict) else None
    asked = parse_image(image)
    return listed is not None and asked is not None and listed.repository == asked.repository
