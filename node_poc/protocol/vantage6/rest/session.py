"""The REST client for a vantage6 4.x server: login, renewal of tokens, requests, errors.

Every request carries a fresh token. The session renews a token before the token expires, with the
refresh token or, if the server rejects the refresh token (the server was restarted with another
secret, or the node slept), with the API key. Logs and error texts never contain tokens or the key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import structlog
from requests.auth import AuthBase

from node_poc import __version__
from node_poc.crypto.claims import claims_of
from node_poc.protocol.vantage6.errors import (
    LoginRefusedError,
    RefusedByServerError,
    UnreachableError,
)
from node_poc.protocol.vantage6.rest.answers import (
    HttpAnswer,
    check_status,
    error_message,
    is_about_token,
    is_own_word,
    read_object,
)
from node_poc.protocol.vantage6.rest.bodies import Body
from node_poc.protocol.vantage6.rest.long_strings import AnswerCutter
from node_poc.protocol.vantage6.rest.pages import pages_from_last
from node_poc.runs.error_texts import why_no_answer

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
_UPLOAD_SECONDS = 600.0
# A token is renewed this long before its end, or a fifth of its life before, whichever is less.
_RENEW_SECONDS = 600.0
# The pause after a failed refresh, while the token is still valid.
_RENEW_AGAIN_SECONDS = 30.0


@dataclass(frozen=True)
class _Tokens:
    access: str
    refresh: str
    refresh_url: str
    renew_at: float  # monotonic seconds, like ``ends_at``
    ends_at: float


class _Bearer(AuthBase):
    """Sets the token as an ``auth``: with a plain header, requests would prefer a .netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def api_base(address: str, api_path: str) -> str:
    """Return the URL before the API's resources, from the server's URL and the API's path."""
    return f"{address}/{api_path.strip('/')}".rstrip("/")


class RestSession:
    """A node's session with the server. Thread-safe."""

    def __init__(self, address: str, api_path: str, api_key: str) -> None:
        """Nothing is sent before the first call.

        Args:
            address: the server's URL with its port, without the API's path.
            api_path: the API's path, for example ``/api``.
            api_key: the node's API key.
        """
        self.address = address
        self._base = api_base(address, api_path)
        self._api_key = api_key
        self._tokens: _Tokens | None = None
        self._lock = threading.Lock()
        self._sessions = threading.local()

    def login(self) -> int:
        """Log in anew; return the node's id.

        Raises:
            LoginRefusedError: the server does not know the API key.
            UnreachableError: the server gave no usable answer; try again.
        """
        with self._lock:
            return self._login()

    def token(self) -> str:
        """Return a token that stays valid for a while. Raise the errors of ``login``."""
        with self._lock:
            now = time.monotonic()
            if self._tokens is None or now > self._tokens.renew_at:
                self._renew(is_over=self._tokens is None or now > self._tokens.ends_at)
            assert self._tokens is not None  # noqa: S101  just made
            return self._tokens.access

    def renew(self, bad_token: str | None = None) -> None:
        """Get another token, unless ``bad_token`` was replaced meanwhile. Raise as ``login``."""
        with self._lock:
            if bad_token is None or self._tokens is None or self._tokens.access == bad_token:
                self._renew(is_over=True)

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """GET one object.

        Raises:
            RefusedByServerError: the server refused the request (4xx, 501).
            UnreachableError: no answer, 5xx, or an answer without sense; try again.
            LoginRefusedError: the server rejects the API key by now.
        """
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST one object. Raise the errors of ``get``."""
        return self._send("POST", path, json=body)

    def post_body(self, path: str, body: Body) -> dict[str, Any]:
        """POST raw bytes; return the object in the answer. Raise the errors of ``get``."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._send("POST", path, data=body, headers=headers)

    def get_pieces(self, path: str) -> Iterator[bytes]:
        """GET bytes, piece by piece. Raise the errors of ``get``, at any piece."""
        answer = self._ask("GET", path)
        check_status(answer)
        if answer.status != HTTPStatus.OK:
            answer.close()
            raise UnreachableError(f"{answer.what}: HTTP {answer.status} instead of the data")
        yield from answer.pieces()

    def get_long(self, path: str, name: str, most: int) -> bytes:
        """GET an object and return a long member that ``get`` leaves out.

        Args:
            path: the object's path.
            name: the member's name.
            most: the longest member to read, in bytes of JSON.

        Raises:
            TooMuchError: the member is longer.
            ServerError: the errors of ``get``; UnreachableError also if ``get`` would not leave
                out the member any more.
        """
        answer, cutter = self._ask("GET", path), AnswerCutter(most)
        found = cutter.kept(str(read_object(answer, cutter).get(name)))
        if found is None:
            raise UnreachableError(f"{answer.what}: `{name}` is another now")
        return found

    def patch(self, path: str, body: Mapping[str, Any] | Body) -> dict[str, Any]:
        """PATCH one object. The body may be a ``Body``, which is made while it is sent.

        Raise the errors of ``get``, and AlreadyFinishedError for a run that has ended.
        """
        if isinstance(body, Mapping):
            return self._send("PATCH", path, json=body)
        return self._send("PATCH", path, data=body, headers={"Content-Type": "application/json"})

    def pages_from_last(self, path: str, per_page: int, **params: Any) -> Iterator[list[Any]]:
        """Yield the pages of a list, the last page first. Raise the errors of ``get``.

        The server lists the newest items first; reading backwards yields the oldest first, with
        only a few pages in memory. The items within a page keep the server's order.
        """
        asked = {**params, "per_page": per_page}
        return pages_from_last(lambda number: self.get(path, **asked, page=number))

    def get_without_login(self, path: str) -> HttpAnswer:
        """GET without a login; return any answer. Raise UnreachableError without an answer."""
        return self._call("GET", self._url(path), None)

    def get_elsewhere(
        self, url: str, token: str, params: Mapping[str, str], read_seconds: float
    ) -> dict[str, Any]:
        """GET an object of an algorithm store. The store checks the token at this server.

        Raise the errors of ``get``.
        """
        headers = {"Server-Url": self._base, "Client-Type": "node"}
        asked = {"params": params, "headers": headers, "read_seconds": read_seconds}
        return read_object(self._call("GET", url, token, **asked))

    # --- one request

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return read_object(self._ask(method, path, **options))

    def _ask(self, method: str, path: str, **options: Any) -> HttpAnswer:
        """Return the server's answer; renew the token and repeat once if the token is rejected."""
        token = self.token()
        answer = self._call(method, self._url(path), token, **options)
        if answer.status in {401, 422} and is_about_token(answer):
            self.renew(token)
            if "data" in options:
                options["data"].rewind()
            answer = self._call(method, self._url(path), self.token(), **options)
        return answer

    def _url(self, path: str) -> str:
        return f"{self._base}/{path}"

    def _call(self, method: str, url: str, token: str | None, **options: Any) -> HttpAnswer:
        usual = _UPLOAD_SECONDS if "data" in options else _READ_SECONDS
        read_seconds = options.pop("read_seconds", usual)
        try:
            response = self._session().request(
                method,
                url,
                auth=_Bearer(token),
                timeout=(_CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
                **options,
            )
            return HttpAnswer(response, f"{method} {urlsplit(url).path}")
        except (requests.RequestException, OSError) as error:
            what = f"{method} {urlsplit(url).path}"
            raise UnreachableError(f"{what}: {why_no_answer(error)}") from error
        finally:
            # A vantage6 server sends head and body of an answer in two packets: on a reused
            # connection the second packet waits 40 ms for the acknowledgement of the first packet.
            # Without TLS, a new connection costs less.
            if url.startswith("http://"):
                self._session().close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.headers["User-Agent"] = f"v6-node-on-kubernetes/{__version__}"
        return session

    # --- tokens; the lock is held

    def _renew(self, *, is_over: bool) -> None:
        """``is_over`` tells that the present token cannot be used any more."""
        if self._tokens is None or not self._refresh(self._tokens, is_over=is_over):
            self._login()

    def _refresh(self, tokens: _Tokens, *, is_over: bool) -> bool:
        """Return whether a valid token exists afterwards: a new token, or still the old token."""
        try:
            answer = self._call("POST", tokens.refresh_url, tokens.refresh)
            self._keep(read_object(answer), tokens.refresh_url)
        except (RefusedByServerError, UnreachableError) as error:
            if is_over or isinstance(error, RefusedByServerError):
                log.info("tokens are not refreshed: logging in again", error=str(error))
                return False
            log.debug("tokens are not refreshed yet", error=str(error))
            again_at = min(time.monotonic() + _RENEW_AGAIN_SECONDS, tokens.ends_at)
            self._tokens = replace(tokens, renew_at=again_at)
        return True

    def _login(self) -> int:
        answer = self._call("POST", self._url("token/node"), None, json={"api_key": self._api_key})
        if answer.status in {400, 401, 422} and is_own_word(answer):
            raise LoginRefusedError(
                f"api_key: the server does not take it ({error_message(answer)}); check that it is "
                "this node's key, that server_url, port and api_path name the right server, and "
                "that the node was not deleted there"
            )
        try:
            data = read_object(answer)
        except RefusedByServerError as error:
            raise UnreachableError(f"{error}; check server_url, port and api_path") from error
        return self._keep(data, urljoin(self.address, str(data.get("refresh_url", ""))))

    def _keep(self, data: Mapping[str, Any], refresh_url: str) -> int:
        try:
            access, refresh = str(data["access_token"]), str(data["refresh_token"])
            claims = claims_of(access)
            node_id, life = int(claims["sub"]), float(claims["exp"]) - float(claims["iat"])
        except (KeyError, TypeError, ValueError) as error:
            raise UnreachableError("POST token/node: the answer holds no node's token") from error
        # Counted from now by the token's lifetime: the clocks of server and node may differ.
        ends_at = time.monotonic() + life
        renew_at = ends_at - min(_RENEW_SECONDS, life / 5)
        self._tokens = _Tokens(access, refresh, refresh_url, renew_at, ends_at)
        return node_id
