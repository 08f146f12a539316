"""PURE: prepare the server's results for an algorithm: check the task, decrypt the results."""

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
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.task_inputs import LARGEST_ID

_RESULT = "result"
_NOT_OF_TASK = "the server does not say that this result belongs to the task that was asked for"


@dataclass
class ResultFindings:
    """Findings while reading results.

    Attributes:
        left_out: why results of a page were left out.
        stored: names of blobs that hold results.
    """

    left_out: list[RequestRefusedError] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)


class ResultsAnswer:
    """The server's answer to ``GET /result``: a single result, or a page of results."""

    def __init__(self, body: Buffer) -> None:
        """Parse the answer. Raise RequestRefusedError if the server's answer cannot be read."""
        self.findings = ResultFindings()
        try:
            self._json = JsonParts(body)
        except JsonPartsError as error:
            raise RequestRefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the server's results cannot be read: {error}; ask for fewer at once, with "
                "per_page, if they are many",
            ) from error

    @property
    def task_id(self) -> int | None:
        """The task of a single result, if the server names the task."""
        return _task_of(self._json.value)

    def pieces(self, cryptor: PlainCryptor | RsaCryptor, task_id: int | None) -> Iterator[bytes]:
        """Yield the answer with each result as base64 of its plain bytes.

        A result of a page that belongs to another task or cannot be decrypted becomes None, and a
        field `msg` gives the reason: a bad result of one station must not hide the results of all
        others. vantage6's client leaves out a result of None, as for a run that crashed.

        Args:
            cryptor: decrypts the results; a PlainCryptor leaves the results unchanged.
            task_id: the task whose results may pass; None lets all results pass.

        Raises:
            RequestRefusedError: the answer is a single result that belongs to another task or
                cannot be decrypted.
        """
        value = self._json.value
        page = value.get("data") if isinstance(value, dict) else None
        data: list[Any] = page if isinstance(page, list) else []
        if page is not data:
            self._open(cryptor, task_id, value)
        for number, run in enumerate(data):
            try:
                self._open(cryptor, task_id, run)
            except RequestRefusedError as error:
                self.findings.left_out.append(error)
                withheld = {_RESULT: None, "msg": error.reason}
                data[number] = run | withheld if isinstance(run, dict) else withheld
        yield from self._json.pieces()

    def _open(self, cryptor: PlainCryptor | RsaCryptor, task_id: int | None, run: Any) -> None:
        if task_id is not None and _task_of(run) != task_id:
            raise RequestRefusedError(HTTPStatus.FORBIDDEN, _NOT_OF_TASK)
        text = run.get(_RESULT) if isinstance(run, dict) else None
        if not text or not isinstance(text, str):
            return
        if run.get("blob_storage_used"):
            self.findings.stored.append(text)
        elif isinstance(cryptor, RsaCryptor):
            plain = _decrypted(cryptor, self._json.text(text), run.get("id"))
            run[_RESULT] = self._json.put(partial(through, EncodeBase64(), plain))

    def close(self) -> None:
        """Release the body."""
        self._json.close()


def _task_of(run: Any) -> int | None:
    task = run.get("task") if isinstance(run, dict) else None
    number = task.get("id") if isinstance(task, dict) else None
    return number if type(number) is int and 1 <= number <= LARGEST_ID else None


def _decrypted(cryptor: RsaCryptor, part: bytes | memoryview, number: object) -> Iterator[bytes]:
    """Return the plain pieces; on return the result is known to be decryptable and complete."""
    try:
        return cryptor.decrypted_pieces(part)
    except CryptoError as error:
        known = number if type(number) is int and 1 <= number <= LARGEST_ID else None
        which = "" if known is None else f" of run {known}"
        raise RequestRefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the result{which} cannot be decrypted: {error}",
            kind="a result cannot be decrypted",
            about=None if known is None else {"run": known},
        ) from error


def task_of_result(body: Buffer) -> int | None:
    """Return the task of a single result, if the server names it. Raise RequestRefusedError."""
    with closing(ResultsAnswer(body)) as results:
        return results.task_id


def open_results(
    body: Buffer,
    cryptor: PlainCryptor | RsaCryptor,
    task_id: int | None,
    write: Callable[[bytes], None],
) -> ResultFindings:
    """Write the results as base64 of their plain bytes.

    Raises:
        RequestRefusedError: the answer cannot be read, or is a single result that must not pass or
            cannot be decrypted.
    """
    with closing(ResultsAnswer(body)) as results:
        for piece in results.pieces(cryptor, task_id):
            write(piece)
        return results.findings
