"""What a person may do at a vantage6 server that a node may not: set the organization's key.

Source: vantage6-server 4.x, ``resource/token.py`` (``POST token/user``) and
``resource/organization.py`` (``PATCH organization/<id>``).
"""

from __future__ import annotations

from typing import Any

import requests

from node_poc.crypto.claims import claims_of
from node_poc.runs.error_texts import why_no_answer

_SECONDS = (10.0, 60.0)


class UserError(Exception):
    """The server did not do what the person asked for. The text names the remedy."""


class User:
    """A person who is logged in at the server."""

    def __init__(self, base: str, username: str, password: str, mfa_code: str | None) -> None:
        """Log in. Raises UserError.

        Args:
            base: URL of the server's API.
            username: the person's name at the server.
            password: the person's password; sent to the server, and kept nowhere.
            mfa_code: the code of the second factor, if the server asks for one.
        """
        self._base = base
        self._session = requests.Session()
        given = {"username": username, "password": password}
        given |= {"mfa_code": mfa_code} if mfa_code else {}
        answer = self._call("POST", "token/user", given)
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise UserError("the server asks for a second factor: give its code with --mfa")
        self._session.headers["Authorization"] = f"Bearer {token}"
        try:
            self._id = claims_of(token).get("sub")
        except ValueError as error:
            raise UserError(str(error)) from error

    def organization(self) -> dict[str, Any]:
        """Return the person's organization. Raises UserError."""
        found = self._call("GET", f"user/{self._user_id()}", None).get("organization") or {}
        return self._call("GET", f"organization/{found.get('id')}", None)

    def set_public_key(self, organization: int, text: str) -> None:
        """Set an organization's public key. Raises UserError."""
        self._call("PATCH", f"organization/{organization}", {"public_key": text})

    def _user_id(self) -> int:
        if not isinstance(self._id, int):
            raise UserError("the server's token names no user: is this a vantage6 4.x server?")
        return self._id

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """Make a request and return the answer's JSON object. Raises UserError."""
        url = f"{self._base}/{path}"
        try:
            answer = self._session.request(
                method, url, json=body, timeout=_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise UserError(f"{url}: no answer ({why_no_answer(error)})") from error
        try:
            data = answer.json()
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise UserError(f"{url} answers HTTP {answer.status_code}, not as a vantage6 server")
        if answer.status_code >= 300:
            raise UserError(f"{method} {path}: {answer.status_code} {str(data.get('msg'))[:200]}")
        return data
