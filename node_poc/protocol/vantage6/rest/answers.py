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

from node_poc.protocol.vantage6.errors import (
    AlreadyFinishedError,
    BodyTooLargeError,
    RefusedError,
    UnreachableError,
)
from node_poc.protocol.vantage6.rest.long_strings import Cutter, TooMuchError

_MESSAGE_LENGTH = 300
_PIECE = 1 << 20
_TOO_LARGE = 413
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
        #: Whether it is made to be read by a person in a browser; the server makes none.
        self.is_page = response.headers.get("Content-Type", "").startswith("text/html")

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
    """Raise what ``read`` raises of an answer that tells of an error.

    Only an object with ``msg`` is the server's own word. A gateway before it answers with pages of
    its own, while the server is restarted or a login has to be given first: the server is away.
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
    told = message(answer)
    # 501: there is no such thing at this server, such as a blob store, nor will there be.
    if (status >= 500 and status != 501) or status in {408, 425, 429}:
        raise UnreachableError(f"{what}: HTTP {status} {told}")
    if not is_own_word(answer):
        away = BodyTooLargeError if status == _TOO_LARGE else UnreachableError
        raise away(
            f"{what}: HTTP {status} {told}, and not in the server's own words: the server is away "
            "behind a gateway; if this lasts, check server_url, port and api_path"
        )
    if status == 400 and _FINISHED in told:
        raise AlreadyFinishedError(f"{what}: {told}", status)
    raise RefusedError(f"{what}: HTTP {status} {told}", status)


def is_own_word(answer: Answer) -> bool:
    """Whether the server itself tells of an error: by an object with ``msg``."""
    try:
        data = answer.value
    except (ValueError, UnreachableError):
        return False
    return isinstance(data, dict) and isinstance(data.get("msg"), str)


def message(answer: Answer) -> str:
    """What the server says of an error, short and in one line."""
    told = ""
    if is_own_word(answer):
        data = answer.value
        told = f"{data['msg']} {data.get('errors') or ''}"
    return " ".join((told or answer.reason or "").split())[:_MESSAGE_LENGTH]


def is_about_token(answer: Answer) -> bool:
    """Whether it is the token that the server does not take, and not what was asked for."""
    if not is_own_word(answer):
        return False
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
