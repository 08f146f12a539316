"""What a vantage6 server's HTTP answers mean: an object, or which kind of error."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from node_poc.protocol.vantage6_cut import Cutter, TooMuchError
from node_poc.protocol.vantage6_errors import (
    AlreadyFinishedError,
    RefusedError,
    UnreachableError,
)

_MESSAGE_LENGTH = 300
_PIECE = 1 << 20
_FINISHED = "already finished algorithm run"
# Words of flask-jwt-extended and PyJWT for a token that the server does not take.
_TOKEN_TROUBLE = ("expired", "signature", "token has been revoked", "segments", "authorization")


class Answer:
    """An answer whose body is read when it is asked for, and only then."""

    def __init__(self, response: requests.Response, what: str) -> None:
        """``response`` as a stream; ``what`` was asked, for errors."""
        self._response = response
        self.what = what
        self.status = response.status_code
        self.reason = response.reason or ""
        self.location = response.headers.get("Location", "")

    @cached_property
    def value(self) -> Any:
        """Its JSON, whose long strings are left out; see ``vantage6_cut``.

        Raises:
            ValueError: it is not JSON.
            UnreachableError: it broke off, or is too large for any answer.
        """
        cutter = Cutter()
        try:
            return self.value_by(cutter)
        except TooMuchError as error:
            raise UnreachableError(f"{self.what}: {error}: is this the server?") from error

    def value_by(self, cutter: Cutter) -> Any:
        """The same by a cutter of the caller's. Raises TooMuchError besides."""
        for piece in self.pieces():
            cutter.update(piece)
        try:
            return json.loads(cutter.finish())
        except RecursionError as error:
            raise ValueError("no JSON") from error

    def pieces(self) -> Iterator[bytes]:
        """Its bytes. Raises UnreachableError when it breaks off."""
        try:
            yield from self._response.iter_content(_PIECE)
        except (requests.RequestException, OSError) as error:
            raise UnreachableError(f"{self.what}: {reason(error)}") from error
        finally:
            self.close()

    def close(self) -> None:
        """Read nothing more of it."""
        self._response.close()


def claims(token: str) -> dict[str, Any]:
    """What a token says; its signature is the server's affair. Raises ValueError."""
    try:
        middle = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, binascii.Error) as error:
        raise ValueError("no token") from error
    if not isinstance(told, dict):
        raise ValueError("no token")  # noqa: TRY004  one kind of error for all that is no token
    return told


def read(answer: Answer, cutter: Cutter | None = None) -> dict[str, Any]:
    """The object that the server answered; by a ``cutter`` that may keep what it cuts.

    Raises:
        UnreachableError: the answer is trouble at the server, or makes no sense.
        RefusedError: the server says no; AlreadyFinishedError if that is why.
    """
    check(answer)
    what = answer.what
    try:
        data = answer.value if cutter is None else answer.value_by(cutter)
    except ValueError as error:
        raise UnreachableError(f"{what}: the answer is not JSON: is this the server?") from error
    if not isinstance(data, dict):
        raise UnreachableError(f"{what}: the answer is no object: is this the server?")
    return data


def check(answer: Answer) -> None:
    """Raise what ``read`` raises of an answer that tells of an error."""
    status, what = answer.status, answer.what
    # 501: there is no such thing at this server, such as a blob store, nor will there be.
    if (status >= 500 and status != 501) or status in {408, 425, 429}:
        raise UnreachableError(f"{what}: HTTP {status} {message(answer)}")
    if 300 <= status < 400:
        where = answer.location[:_MESSAGE_LENGTH]
        answer.close()
        raise UnreachableError(f"{what}: the server redirects to {where}: correct server_url")
    if status >= 400:
        told = message(answer)
        if status == 400 and _FINISHED in told:
            raise AlreadyFinishedError(f"{what}: {told}", status)
        raise RefusedError(f"{what}: HTTP {status} {told}", status)


def message(answer: Answer) -> str:
    """What the server says of an error, short and in one line."""
    try:
        data = answer.value
        told = f"{data.get('msg', '')} {data.get('errors') or ''}" if isinstance(data, dict) else ""
    except (ValueError, UnreachableError):
        told = ""
    return " ".join((told or answer.reason or "").split())[:_MESSAGE_LENGTH]


def is_about_token(answer: Answer) -> bool:
    """Whether it is the token that the server does not take, and not what was asked for."""
    told = message(answer).lower()
    return answer.status == 422 or any(word in told for word in _TOKEN_TROUBLE)


def reason(error: Exception) -> str:
    """Why there was no answer: the last words of a chain of errors that wrap each other."""
    return str(error).rpartition(": ")[2].strip("')> ")[:_MESSAGE_LENGTH] or type(error).__name__


def data_of(page: Mapping[str, Any]) -> list[Any]:
    """The items of a list's page. Raises UnreachableError."""
    data = page.get("data")
    if not isinstance(data, list):
        raise UnreachableError("a list without `data`: is this the server?")
    return data


def last_page(page: Mapping[str, Any]) -> int:
    """The number of a list's last page, as its first tells it."""
    links = page.get("links")
    last = links.get("last") if isinstance(links, dict) else None
    try:
        return int(parse_qs(urlsplit(last).query)["page"][0]) if isinstance(last, str) else 1
    except (KeyError, ValueError):
        return 1
