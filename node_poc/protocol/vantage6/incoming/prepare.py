"""Prepares the runs that a vantage6 server lists and hands each run to the engine.

A run that cannot be taken ends at the server with a reason. Trouble with the server itself is
raised: the run stays open at the server and is tried again later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from node_poc.config.model import NodeConfig
from node_poc.crypto.errors import CryptoError, TooLargeError
from node_poc.crypto.payload import require_json_object
from node_poc.protocol.vantage6.control import PreparerControl
from node_poc.protocol.vantage6.errors import (
    RefusedByServerError,
    ServerError,
)
from node_poc.protocol.vantage6.incoming.container_contract import ContractError, build_spec
from node_poc.protocol.vantage6.incoming.policies import NotAllowedHereError, PolicyCheck
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES, MAX_TEXT_BYTES, SMALL_BYTES
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.rest.long_strings import TooMuchError, is_left_out
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.model import RunSpec
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)


class EngineBusyError(ServerError):
    """The engine did not answer in time; a later reading shows whether the engine has the run."""


@dataclass(frozen=True)
class _Refusal(Exception):  # noqa: N818  a decision, not an error
    """The run cannot be taken: the run's final status, and the reason for the researcher."""

    status: RunStatus
    reason: str


@dataclass(frozen=True)
class LargeRun:
    """A run with a large input, read only at hand-over: a few inputs would fill the memory."""

    allowed: RunRequest = field(repr=False)
    token: str = field(repr=False)


Prepared = RunSpec | LargeRun
_Made = TypeVar("_Made")


class RunPreparer:
    """Takes runs. Several threads may call ``prepare``; only one may call ``submit``."""

    def __init__(
        self,
        access: ServerAccess,
        config: NodeConfig,
        control: PreparerControl,
        reports: Reports,
        policies: PolicyCheck,
    ) -> None:
        """``control`` accepts runs; ``reports`` tells the server of refused runs."""
        self._access = access
        self._config = config
        self._control = control
        self._reports = reports
        self._policies = policies

    def prepare(self, request: RunRequest, failures: int = 0) -> Prepared | None:
        """Get everything that a run needs.

        The server learns soon afterwards that the node has taken the run (``outgoing.reports``);
        the Job does not wait for the report.

        Args:
            request: the listed run.
            failures: the number of failed tries before.

        Returns:
            the run for ``submit``; None if the run cannot be taken, after telling the server.

        Raises:
            RegistryAwayError: a registry did not answer; the run has to be tried again.
            ServerError: the server has trouble; the run has to be tried again.
        """
        return self._or_refused(request, lambda: self._prepare(request, failures))

    def submit(self, request: RunRequest, prepared: Prepared) -> bool:
        """Hand a prepared run to the engine; return whether the engine has the run now.

        Raises:
            EngineBusyError: the engine did not answer in time.
            ServerError: the server has trouble; the run has to be tried again.
        """
        if isinstance(prepared, RunSpec):
            return self._hand_over(request, prepared)
        with self._access.large_payloads.hold_large():
            spec = self._or_refused(
                request, lambda: self._spec(prepared.allowed, prepared.token, MAX_BYTES)
            )
            return spec is not None and self._hand_over(request, spec)

    def _or_refused(self, request: RunRequest, make: Callable[[], _Made]) -> _Made | None:
        """Return the result of ``make``; None, after telling the server, if the run is refused."""
        try:
            return make()
        except _Refusal as refusal:
            self._refuse(request, refusal.status, refusal.reason)
        except RefusedByServerError as error:
            self._refuse(request, RunStatus.FAILED, f"The server refused a request: {error}")
        return None

    def _hand_over(self, request: RunRequest, spec: RunSpec) -> bool:
        try:
            answer = self._control.run(spec, str(request.init_org_id))
        except TimeoutError as error:
            raise EngineBusyError(f"run {spec.run_id}: the node did not decide in time") from error
        if answer.accepted or self._is_here(spec.run_id):
            return True
        self._refuse(request, answer.status, answer.reason)
        return False

    def _is_here(self, run_id: int) -> bool:
        """Return whether the engine has taken the run in an earlier try without answering in time.

        With the new try's token the engine sees a different run of the same id and refuses.
        """
        return any(summary.run.run_id == run_id for summary in self._control.open_runs())

    def _prepare(self, request: RunRequest, failures: int) -> Prepared:
        allowed = self._allowed(request, failures)
        # The last check at the server before the Job: an ended task gets no token.
        token = self._container_token(request)
        try:
            return self._spec(allowed, token, SMALL_BYTES)
        except TooLargeError:
            return LargeRun(allowed, token)

    def _spec(self, request: RunRequest, token: str, limit: int) -> RunSpec:
        """Return the run for the engine. Raise TooLargeError if the input must wait its turn."""
        node_id = self._access.identity.node_id
        try:
            data = self._input(request, limit)
            spec = build_spec(request, self._config, data, token, node_id)
        except ContractError as error:
            raise _Refusal(error.status, str(error)) from error
        except CryptoError as error:
            if isinstance(error, TooLargeError) and limit < MAX_BYTES:
                raise
            raise _Refusal(RunStatus.FAILED, f"The input cannot be read: {error}.") from error
        return spec

    def _allowed(self, request: RunRequest, failures: int) -> RunRequest:
        """Return the run with the image that the policies allow."""
        try:
            return replace(request, image=self._policies.allowed_image(request, failures))
        except NotAllowedHereError as error:
            raise _Refusal(RunStatus.NOT_ALLOWED, str(error)) from error

    def _container_token(self, request: RunRequest) -> str:
        # The image in the server's spelling: the server compares letter by letter.
        body = {"task_id": request.task_id, "image": request.image}
        try:
            token = self._access.rest.post("token/container", body).get("container_token")
        except RefusedByServerError as error:
            reason = f"The server gave no token for this run's container: {error}."
            raise _Refusal(RunStatus.FAILED, reason) from error
        if not isinstance(token, str):
            raise _Refusal(RunStatus.FAILED, "The server gave no token for this run's container.")
        return token

    def _input(self, request: RunRequest, limit: int) -> bytes:
        if request.blob_storage_used:
            data = self._access.blobs.read(request.input, limit)
        elif is_left_out(request.input):
            data = self._long_input(request.run_id, limit)
        else:
            data = self._access.cryptor.decrypt(request.input)
        # A blob may be cut on the way, and the base64 of a cut blob may still be valid.
        if self._access.cryptor.encrypts or request.blob_storage_used:
            require_json_object(data)
        return data

    def _long_input(self, run_id: int, limit: int) -> bytes:
        if limit < MAX_BYTES:
            raise TooLargeError("it is read when its turn comes")
        try:
            text = self._access.rest.get_long(f"run/{run_id}", "input", MAX_TEXT_BYTES)
        except TooMuchError:
            raise TooLargeError(f"it is larger than {MAX_BYTES >> 20} MiB") from None
        return self._access.cryptor.decrypt_text(text)

    def _refuse(self, request: RunRequest, status: RunStatus, reason: str) -> None:
        origin = RunOrigin.of(request)
        self._reports.refuse(request.run_id, origin, status, reason, request.image)
