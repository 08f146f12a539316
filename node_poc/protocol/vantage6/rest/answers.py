"""Turns a vantage6 server's HTTP answers into an object or into an error of the right class."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from node_poc.protocol.vantage6.errors import (
    AlreadyFinishedError,
    BodyTooLargeError,
    RefusedByServerError,
    UnreachableError,
)
from node_poc.protocol.vantage6.rest.long_strings import AnswerCutter, TooMuchError
from node_poc.runs.error_texts import why_no_answer

_MESSAGE_LENGTH = 300
_PIECE = 1 << 20
_TOO_LARGE = 413
_FINISHED = "already finished algorithm run"
# From the messages of flask-jwt-extended and PyJWT about a rejected token.
_TOKEN_TROUBLE = ("expired", "signature", "token has been revoked", "segments", "authorization")


class HttpAnswer:
    """An HTTP answer. The body is read only on demand."""

    def __init__(self, response: requests.Response, what: str) -> None:
        """``response`` is a stream; ``what`` names the request in error texts."""
        self._response = response
        self.what = what
        self.status = response.status_code
        self.reason = response.reason or ""
        self.location = response.headers.get("Location", "")
        #: The server's clock, as the header writes it; empty if the server does not tell.
        self.date = response.headers.get("Date", "")
        #: Whether the answer is a web page for a browser; a vantage6 server sends no web pages.
        self.is_page = response.headers.get("Content-Type", "").startswith("text/html")

    @cached_property
    def value(self) -> Any:
        """Return the body's JSON without long strings; see ``rest.long_strings``.

        Raises:
            ValueError: the body is not JSON.
            UnreachableError: the body broke off, or is larger than any real answer.
        """
        cutter = AnswerCutter()
        try:
            return self.value_with(cutter)
        except TooMuchError as error:
            raise UnreachableError(f"{self.what}: {error}: is this the server?") from error

    def value_with(self, cutter: AnswerCutter) -> Any:
        """Return the body's JSON, read with the caller's cutter.

        Raise TooMuchError for a body that is too large, otherwise the errors of ``value``.
        """
        for piece in self.pieces():
            cutter.update(piece)
        try:
            return json.loads(cutter.finish())
        except RecursionError as error:
            raise ValueError("no JSON") from error

    def pieces(self) -> Iterator[bytes]:
        """Yield the body's bytes. Raise UnreachableError if the body breaks off."""
        try:
            yield from self._response.iter_content(_PIECE)
        except (requests.RequestException, OSError) as error:
            raise UnreachableError(f"{self.what}: {why_no_answer(error)}") from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; the rest of the body is not read."""
        self._response.close()


def read_object(answer: HttpAnswer, cutter: AnswerCutter | None = None) -> dict[str, Any]:
    """Return the object in the server's answer.

    Args:
        answer: the server's answer.
        cutter: leaves long strings out, and may keep them.

    Raises:
        UnreachableError: the answer reports trouble at the server, or makes no sense.
        RefusedByServerError: the server refused the request.
        AlreadyFinishedError: the server refused, because the run has ended there.
    """
    check_status(answer)
    what = answer.what
    try:
        data = answer.value if cutter is None else answer.value_with(cutter)
    except ValueError as error:
        raise UnreachableError(f"{what}: the answer is not JSON: is this the server?") from error
    if not isinstance(data, dict):
        raise UnreachableError(f"{what}: the answer is no object: is this the server?")
    return data


def check_status(answer: HttpAnswer) -> None:
    """Raise the errors of ``read_object`` if the answer reports an error.

    Only an object with ``msg`` comes from the server itself. A gateway before the server answers
    with its own pages while the server restarts, or while the gateway requires a login: then the
    server counts as unreachable.
    """
    status, what = answer.status, answer.what
    if 300 <= status < 400:
        where = answer.location[:_MESSAGE_LENGTH]
        answer.close()
        raise UnreachableError(f"{what}: the server redirects to {where}: correct server_url")
    if status < 400:
        if answer.is_page:
            answer.close()
            raise UnreachableError(f"{what}: the answer is a web page: is this the server?")
        return
    message = error_message(answer)
    # 501: the server lacks a feature, for example a blob store, and a later try does not help.
    if (status >= 500 and status != 501) or status in {408, 425, 429}:
        raise UnreachableError(f"{what}: HTTP {status} {message}")
    if not is_own_word(answer):
        away = BodyTooLargeError if status == _TOO_LARGE else UnreachableError
        raise away(
            f"{what}: HTTP {status} {message}, and not in the server's own words: the server is "
            "away behind a gateway; if this lasts, check server_url, port and api_path"
        )
    if status == 400 and _FINISHED in message:
        raise AlreadyFinishedError(f"{what}: {message}", status)
    raise RefusedByServerError(f"{what}: HTTP {status} {message}", status)


def is_own_word(answer: HttpAnswer) -> bool:
    """Return whether the error comes from the server itself, as an object with ``msg``."""
    try:
        data = answer.value
    except (ValueError, UnreachableError):
        return False
    return isinstance(data, dict) and isinstance(data.get("msg"), str)


def error_message(answer: HttpAnswer) -> str:
    """Return the server's error message, shortened to one line."""
    message = ""
    if is_own_word(answer):
        data = answer.value
        message = f"{data['msg']} {data.get('errors') or ''}"
    return " ".join((message or answer.reason or "").split())[:_MESSAGE_LENGTH]


def is_about_token(answer: HttpAnswer) -> bool:
    """Return whether the server rejected the token, and not the request itself."""
    if not is_own_word(answer):
        return False
    message = error_message(answer).lower()
    return answer.status == 422 or any(word in message for word in _TOKEN_TROUBLE)


def data_of(page: Mapping[str, Any]) -> list[Any]:
    """Return the items of a list's page. Raise UnreachableError if the page has no items list."""
    data = page.get("data")
    if not isinstance(data, list):
        raise UnreachableError("a list without `data`: is this the server?")
    return data


def last_page(page: Mapping[str, Any]) -> int:
    """Return the number of a list's last page from the links of the first page; 1 by default."""
    links = page.get("links")
    last = links.get("last") if isinstance(links, dict) else None
    try:
        return int(parse_qs(urlsplit(last).query)["page"][0]) if isinstance(last, str) else 1
    except (KeyError, ValueError):
        return 1
