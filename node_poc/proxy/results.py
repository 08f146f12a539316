"""PURE: the server's results, given to an algorithm: of the task that was asked for, decrypted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.crypto.streams import EncodeBase64, through
from node_poc.proxy.json_parts import Buffer, JsonParts, JsonPartsError
from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.task_inputs import LARGEST_ID

_RESULT = "result"
_NOT_OF_TASK = "the server does not say that this result belongs to the task that was asked for"


@dataclass
class Opened:
    """What was noticed on the way: results of a page that were left out, and names of blobs."""

    left_out: list[RefusedError] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)


class Results:
    """The server's answer to ``GET /result``: one result, or a page of them."""

    def __init__(self, body: Buffer) -> None:
        """Raises RefusedError: the server's fault."""
        self.opened = Opened()
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise RefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the server's results cannot be read: {error}; ask for fewer at once, with "
                "per_page, if they are many",
            ) from error

    @property
    def task_id(self) -> int | None:
        """The task of a single result, if the server tells it."""
        return _task_of(self._json.value)

    def pieces(self, cryptor: PlainCryptor | RsaCryptor, task_id: int | None) -> Iterator[bytes]:
        """Give the answer with each result as base64 of its plain bytes.

        What of a page belongs to another task or cannot be opened is nothing, and a field `msg`
        says why: one station's bad result must not hide all others'. vantage6's client leaves it
        out, as that of a run that crashed.

        Args:
            cryptor: opens the results; a plain one leaves them as they are.
            task_id: whose results may go; None lets all go.

        Raises:
            RefusedError: it is a single result, and does not belong there or cannot be opened.
        """
        value = self._json.value
        page = value.get("data") if isinstance(value, dict) else None
        data: list[Any] = page if isinstance(page, list) else []
        if page is not data:
            self._open(cryptor, task_id, value)
        for number, run in enumerate(data):
            try:
                self._open(cryptor, task_id, run)
            except RefusedError as error:
                self.opened.left_out.append(error)
                told = {_RESULT: None, "msg": error.told}
                data[number] = run | told if isinstance(run, dict) else told
        yield from self._json.pieces()

    def _open(self, cryptor: PlainCryptor | RsaCryptor, task_id: int | None, run: Any) -> None:
        if task_id is not None and _task_of(run) != task_id:
            raise RefusedError(HTTPStatus.FORBIDDEN, _NOT_OF_TASK)
        text = run.get(_RESULT) if isinstance(run, dict) else None
        if not text or not isinstance(text, str):
            return
        if run.get("blob_storage_used"):
            self.opened.stored.append(text)
        elif isinstance(cryptor, RsaCryptor):
            plain = _decrypted(cryptor, self._json.text(text), run.get("id"))
            run[_RESULT] = self._json.put(partial(through, EncodeBase64(), plain))

    def close(self) -> None:
        """Let go of the body."""
        self._json.close()


def _task_of(run: Any) -> int | None:
    task = run.get("task") if isinstance(run, dict) else None
    number = task.get("id") if isinstance(task, dict) else None
    return number if type(number) is int and 1 <= number <= LARGEST_ID else None


def _decrypted(cryptor: RsaCryptor, part: bytes | memoryview, number: object) -> Iterator[bytes]:
    """Return the plain pieces; that it can be opened, and is whole, is known when this returns."""
    try:
        return cryptor.decrypted_pieces(part)
    except CryptoError as error:
        known = number if type(number) is int and 1 <= number <= LARGEST_ID else None
        which = "" if known is None else f" of run {known}"
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the result{which} cannot be decrypted: {error}",
            kind="a result cannot be decrypted",
            about=None if known is None else {"run": known},
        ) from error


def task_of_result(body: Buffer) -> int | None:
    """Return the task of a single result, if the server tells it. Raises RefusedError."""
    with closing(Results(body)) as results:
        return results.task_id


def open_results(
    body: Buffer,
    cryptor: PlainCryptor | RsaCryptor,
    task_id: int | None,
    write: Callable[[bytes], None],
) -> Opened:
    """Write the results as base64 of their plain bytes.

    Raises:
        RefusedError: nothing can be read, or it is a single result that cannot be given.
    """
    with closing(Results(body)) as results:
        for piece in results.pieces(cryptor, task_id):
            write(piece)
        return results.opened
