"""PURE: a subtask's inputs encrypted for who shall run it, results decrypted for the algorithm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import Any

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.payload import RsaCryptor
from node_poc.crypto.streams import DecodeBase64, EncodeBase64, slices, through
from node_poc.proxy.json_parts import Buffer, JsonParts, JsonPartsError
from node_poc.proxy.refusals import RefusedError

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_ORGANIZATIONS = 1000
_LARGEST_ID = 2**31 - 1  # of the server's database
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
            number = item.get("id") if isinstance(item, dict) else None
            if type(number) is not int or not 1 <= number <= _LARGEST_ID:
                raise _bad(
                    "each of a task's organizations must be an object with a number as id, from 1 "
                    f"to {_LARGEST_ID}"
                )
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
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"the input for organization {organization}: {error}",
            kind="an input cannot be encrypted",
            about={"organization": organization},
        ) from error


class Results:
    """The server's answer to ``GET /result``: one result, or a page of them.

    `unreadable` tells, once the answer is decrypted, what of a page could not be.
    """

    def __init__(self, body: Buffer) -> None:
        """Raises RefusedError: the server's fault."""
        self.unreadable: list[RefusedError] = []
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise RefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the server's results cannot be read: {error}; ask for fewer at once, with "
                "per_page, if they are many",
            ) from error

    def decrypted(self, cryptor: RsaCryptor) -> Iterator[bytes]:
        """Give the answer with each result as base64 of its plain bytes.

        What cannot be opened of a page is nothing, and a field `msg` says why: one station's bad
        result must not hide all others'. vantage6's client leaves it out, as that of a run that
        crashed.

        Raises:
            RefusedError: it is a single result, and cannot be opened.
        """
        value = self._json.value
        data = value.get("data") if isinstance(value, dict) else None
        if not isinstance(data, list):
            self._decrypt(cryptor, value)
        for run in data if isinstance(data, list) else ():
            try:
                self._decrypt(cryptor, run)
            except RefusedError as error:
                self.unreadable.append(error)
                run[_RESULT] = None
                run["msg"] = error.told
        yield from self._json.pieces()

    def _decrypt(self, cryptor: RsaCryptor, run: Any) -> None:
        text = run.get(_RESULT) if isinstance(run, dict) else None
        if text and isinstance(text, str) and not run.get("blob_storage_used"):
            plain = _decrypted(cryptor, self._json.text(text), run.get("id"))
            run[_RESULT] = self._json.put(partial(through, EncodeBase64(), plain))

    def close(self) -> None:
        """Let go of the body."""
        self._json.close()


def _decrypted(cryptor: RsaCryptor, part: bytes | memoryview, number: object) -> Iterator[bytes]:
    """Return the plain pieces; that it can be opened, and is whole, is known when this returns."""
    try:
        return cryptor.decrypted_pieces(part)
    except CryptoError as error:
        known = number if type(number) is int and 1 <= number <= _LARGEST_ID else None
        which = "" if known is None else f" of run {known}"
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the result{which} cannot be decrypted: {error}",
            kind="a result cannot be decrypted",
            about=None if known is None else {"run": known},
        ) from error


def organizations_of(body: Buffer) -> list[int]:
    """Return the organizations whose public keys the task needs. Raises RefusedError."""
    with closing(NewTask(body)) as task:
        return task.needs_keys_of


def encrypt_task(
    body: Buffer,
    cryptor: RsaCryptor,
    public_keys: Mapping[int, str | None],
    write: Callable[[bytes], None],
) -> None:
    """Write the task with each input encrypted. Raises RefusedError."""
    with closing(NewTask(body)) as task:
        for piece in task.encrypted(cryptor, public_keys):
            write(piece)


def decrypt_results(
    body: Buffer, cryptor: RsaCryptor, write: Callable[[bytes], None]
) -> list[RefusedError]:
    """Write the results as base64 of their plain bytes; returns what of a page cannot be opened.

    Raises:
        RefusedError: nothing can be read, or it is a single result and cannot be opened.
    """
    with closing(Results(body)) as results:
        for piece in results.decrypted(cryptor):
            write(piece)
        return results.unreadable


def _bad(told: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, told)
