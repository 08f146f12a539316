"""Asks an algorithm store whether an image is one of its algorithms."""

from __future__ import annotations

import time
from typing import Any

import structlog

from node_poc.protocol.vantage6.errors import RefusedByServerError, StoreAwayError, UnreachableError
from node_poc.protocol.vantage6.rest.answers import data_of
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.runs.image_names import parse_image

log = structlog.get_logger(__name__)

# The number of requests to a store before giving up, as in vantage6.
_TRIES = 3
_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


def store_has(rest: RestSession, store_url: str, image: str) -> bool:
    """Return whether an algorithm store lists an image among its algorithms.

    The store checks the node's token at the server. False if the store refuses the request (4xx),
    or lists only other images, as a store does that matches the name as a pattern.

    Raises:
        StoreAwayError: the store gave no usable answer three times.
        ServerError: the server gives no token; the errors of ``RestSession.token``.
    """
    url, tries = f"{store_url.rstrip('/')}/algorithm", 0
    while True:
        token = rest.token()  # outside the try: errors here are the server's, not the store's
        try:
            found = data_of(rest.get_elsewhere(url, token, {"image": image}, _SECONDS))
            return any(_is_of(item, image) for item in found)
        except RefusedByServerError as error:
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
