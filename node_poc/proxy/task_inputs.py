"""PURE: encrypt each input of a subtask for the organization that will run the subtask."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import Any

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.payload import RsaCryptor
from node_poc.crypto.streams import DecodeBase64, slices, through
from node_poc.proxy.json_parts import Buffer, JsonParts, JsonPartsError
from node_poc.proxy.refusals import RequestRefusedError

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_ORGANIZATIONS = 1000
LARGEST_ID = 2**31 - 1  # largest id in the server's database


class NewTask:
    """The body of ``POST /task``, whose inputs are still base64 of plain bytes."""

    def __init__(self, body: Buffer) -> None:
        """Parse the body. Raise RequestRefusedError."""
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise _bad(f"the task cannot be read: {error}") from error
        try:
            self._organizations = self._read_organizations(self._json.value)
        except RequestRefusedError:
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
            if type(number) is not int or not 1 <= number <= LARGEST_ID:
                raise _bad(
                    "each of a task's organizations must be an object with a number as id, from 1 "
                    f"to {LARGEST_ID}"
                )
            if not isinstance(item.get("input", ""), str):
                raise _bad("the input for an organization must be base64 text")
        return organizations

    def require_own_names(self, stored: Collection[str]) -> None:
        """Refuse an input that can only be a blob's name, unless the token stored the blob.

        Otherwise the node running the subtask would read another container's blob, and give the
        data to the subtask as input.

        Args:
            stored: names of the blobs stored with the token through this proxy.

        Raises:
            RequestRefusedError: an input can only be a blob's name, and is not in `stored`.
        """
        for item in self._organizations:
            text = item.get("input", "")
            if _UUID.fullmatch(text) and text not in stored:
                raise RequestRefusedError(
                    HTTPStatus.BAD_REQUEST,
                    f"the input for organization {item['id']} is neither base64 nor the name of "
                    "data that this task has stored through this proxy; store it first, with POST "
                    "/blobstream",
                    kind="an input names data that its task has not stored",
                )

    def needs_keys_of(self, stored: Collection[str]) -> list[int]:
        """Return the organizations whose public keys `encrypted` needs."""
        return sorted({item["id"] for item in self._organizations if _is_plain(item, stored)})

    def encrypted(
        self,
        cryptor: RsaCryptor,
        public_keys: Mapping[int, str | None],
        stored: Collection[str],
    ) -> Iterator[bytes]:
        """Yield the body with each input encrypted for its organization.

        Only the blobs of this token were encrypted already, when they were stored. The text of an
        input never decides whether the input is encrypted.

        Raises:
            RequestRefusedError: an organization's key is missing or unusable, or an input is not
                base64.
        """
        for item in self._organizations:
            if _is_plain(item, stored):
                organization, text = item["id"], self._json.text(item["input"])
                key = public_keys.get(organization)
                make = partial(_encrypted, cryptor, text, key, organization)
                item["input"] = self._json.put(make)
        yield from self._json.pieces()

    def close(self) -> None:
        """Release the body."""
        self._json.close()


def _is_plain(item: dict[str, Any], stored: Collection[str]) -> bool:
    return "input" in item and item["input"] not in stored


def _encrypted(
    cryptor: RsaCryptor, text: bytes | memoryview, key: str | None, organization: int
) -> Iterator[bytes]:
    try:
        yield from cryptor.encrypt_pieces(through(DecodeBase64(), slices(text)), key)
    except CryptoError as error:
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST,
            f"the input for organization {organization}: {error}",
            kind="an input cannot be encrypted",
            about={"organization": organization},
        ) from error


def organizations_of(body: Buffer, stored: Collection[str]) -> list[int]:
    """Return the organizations whose public keys the task needs. Raise RequestRefusedError."""
    with closing(NewTask(body)) as task:
        task.require_own_names(stored)
        return task.needs_keys_of(stored)


def encrypt_task(
    body: Buffer,
    cryptor: RsaCryptor,
    public_keys: Mapping[int, str | None],
    stored: Collection[str],
    write: Callable[[bytes], None],
) -> None:
    """Write the task with each input encrypted. Raise RequestRefusedError."""
    with closing(NewTask(body)) as task:
        for piece in task.encrypted(cryptor, public_keys, stored):
            write(piece)


def _bad(reason: str) -> RequestRefusedError:
    return RequestRefusedError(HTTPStatus.BAD_REQUEST, reason)
