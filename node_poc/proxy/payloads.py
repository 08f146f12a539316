"""PURE: a subtask's inputs encrypted for who shall run it, results decrypted for the algorithm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.payload import RsaCryptor
from node_poc.crypto.streams import DecodeBase64, EncodeBase64, through
from node_poc.proxy.json_parts import Buffer, JsonParts, JsonPartsError, slices
from node_poc.proxy.refusals import RefusedError

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_ORGANIZATIONS = 1000
_RESULT = "result"


class NewTask:
    """The body of ``POST /task``, whose inputs are still base64 of plain bytes."""

    def __init__(self, body: Buffer) -> None:
        """Raises RefusedError."""
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise _bad(f"the task cannot be read: {error}") from error
        try:
            self._organizations = self._read_organizations(self._json.value)
        except RefusedError:
            self.close()
            raise

    @staticmethod
    def _read_organizations(task: Any) -> list[dict[str, Any]]:
        organizations = task.get("organizations") if isinstance(task, dict) else None
        if not organizations or not isinstance(organizations, list):
            raise _bad("Organizations missing from input")
        if len(organizations) > _MOST_ORGANIZATIONS:
            raise _bad(f"a task can have {_MOST_ORGANIZATIONS} organizations at most")
        for item in organizations:
            if not isinstance(item, dict) or type(item.get("id")) is not int or item["id"] < 0:
                raise _bad("each of a task's organizations must be an object with a number as id")
            if not isinstance(item.get("input", ""), str):
                raise _bad("the input for an organization must be base64 text")
        return organizations

    @property
    def needs_keys_of(self) -> list[int]:
        """The organizations whose public keys `encrypted` needs."""
        return sorted({item["id"] for item in self._organizations if _is_plain(item)})

    def encrypted(
        self, cryptor: RsaCryptor, public_keys: Mapping[int, str | None]
    ) -> Iterator[bytes]:
        """Give the body with each input encrypted for its organization.

        An input that is the id of a stored blob was encrypted when it was stored.

        Raises:
            RefusedError: an organization's key is missing or of no use, or an input is not base64.
        """
        for item in self._organizations:
            if _is_plain(item):
                organization, text = item["id"], self._json.text(item["input"])
                key = public_keys.get(organization)
                make = partial(_encrypted, cryptor, text, key, organization)
                item["input"] = self._json.put(make)
        yield from self._json.pieces()

    def close(self) -> None:
        """Let go of the body."""
        self._json.close()


def _is_plain(item: dict[str, Any]) -> bool:
    return "input" in item and not _UUID.fullmatch(item["input"])


def _encrypted(
    cryptor: RsaCryptor, text: bytes | memoryview, key: str | None, organization: int
) -> Iterator[bytes]:
    try:
        yield from cryptor.encrypt_pieces(through(DecodeBase64(), slices(text)), key)
    except CryptoError as error:
        raise _bad(f"the input for organization {organization}: {error}") from error


class Results:
    """The server's answer to ``GET /result``: one result, or a page of them."""

    def __init__(self, body: Buffer) -> None:
        """Raises RefusedError: the server's fault."""
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise _bad_gateway(f"the server's results cannot be read: {error}") from error

    def decrypted(self, cryptor: RsaCryptor) -> Iterator[bytes]:
        """Give the answer with each result as base64 of its plain bytes.

        Raises:
            RefusedError: a result cannot be opened.
        """
        for run in self._runs():
            text = run.get(_RESULT)
            if text and isinstance(text, str) and not run.get("blob_storage_used"):
                part = self._json.text(text)
                run[_RESULT] = self._json.put(partial(_decrypted, cryptor, part, run.get("id")))
        yield from self._json.pieces()

    def _runs(self) -> Iterator[dict[str, Any]]:
        value = self._json.value
        if not isinstance(value, dict):
            return
        data = value.get("data")
        runs = data if isinstance(data, list) else [value]
        yield from (run for run in runs if isinstance(run, dict))

    def close(self) -> None:
        """Let go of the body."""
        self._json.close()


def _decrypted(cryptor: RsaCryptor, part: bytes | memoryview, number: object) -> Iterator[bytes]:
    try:
        plain = cryptor.decrypt_text(part)
    except CryptoError as error:
        which = f" of run {number}" if isinstance(number, int) else ""
        raise _bad_gateway(f"the result{which} cannot be decrypted: {error}") from error
    yield from through(EncodeBase64(), slices(plain))


def _bad(told: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, told)


def _bad_gateway(told: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_GATEWAY, told)
