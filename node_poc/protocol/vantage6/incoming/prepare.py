"""From a run that a vantage6 server lists to a run that the engine has: one at a time, each alone.

A run that cannot be taken ends at the server with its reason. Trouble with the server itself is
raised: the run stays open there, and is tried again later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from node_poc.config.model import NodeConfig
from node_poc.crypto.errors import CryptoError, TooLargeError
from node_poc.crypto.payload import require_json_object
from node_poc.protocol.vantage6.errors import (
    RefusedError,
    ServerError,
)
from node_poc.protocol.vantage6.incoming.container_contract import ContractError, build_spec
from node_poc.protocol.vantage6.incoming.policies import NotAllowedHereError, PolicyCheck
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES, MAX_TEXT_BYTES, SMALL_BYTES
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.rest.long_strings import TooMuchError, is_left_out
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.protocol.vantage6.server_access import Line
from node_poc.runs.model import RunSpec
from node_poc.runs.ports import Control
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)


class EngineBusyError(ServerError):
    """The engine did not answer in time: whether it has the run is seen later."""


@dataclass(frozen=True)
class _Refusal(Exception):  # noqa: N818  it is an answer, not an error
    """The run ends here: how, and what its researcher is told."""

    status: RunStatus
    reason: str


@dataclass(frozen=True)
class LargeRun:
    """A run whose input is read when it is handed over: a few of them would fill the memory."""

    allowed: RunRequest = field(repr=False)
    token: str = field(repr=False)


Prepared = RunSpec | LargeRun
_Made = TypeVar("_Made")


class Intake:
    """Takes runs in. ``prepare`` may be called from several threads, ``submit`` from one."""

    def __init__(
        self,
        line: Line,
        config: NodeConfig,
        control: Control,
        reports: Reports,
    ) -> None:
        """``control`` takes runs, ``reports`` tells the server of those that are not taken."""
        self._line = line
        self._config = config
        self._control = control
        self._reports = reports
        self._policies = PolicyCheck(line.rest, config)

    def prepare(self, request: RunRequest, failures: int = 0) -> Prepared | None:
        """Get all that a run needs.

        That it is taken up the server is told soon after (``vantage6_reports``): its Job does not
        wait for that.

        Args:
            request: the run as the server lists it.
            failures: how often this was tried before, in vain.

        Returns:
            what ``submit`` needs; None if the run cannot be taken, which the server is told.

        Raises:
            RegistryAwayError: a registry did not answer; the run has to be tried again.
            ServerError: there is trouble with the server; the run has to be tried again.
        """
        return self._or_refused(request, lambda: self._prepare(request, failures))

    def submit(self, request: RunRequest, prepared: Prepared) -> bool:
        """Hand a prepared run to the engine; whether it has it now.

        Raises:
            EngineBusyError: it did not say.
            ServerError: there is trouble with the server; the run has to be tried again.
        """
        if isinstance(prepared, RunSpec):
            return self._hand_over(request, prepared)
        with self._line.turn.large():
            spec = self._or_refused(
                request, lambda: self._spec(prepared.allowed, prepared.token, MAX_BYTES)
            )
            return spec is not None and self._hand_over(request, spec)

    def _or_refused(self, request: RunRequest, make: Callable[[], _Made]) -> _Made | None:
        """What ``make`` gives; None if the run cannot be taken, which the server is told then."""
        try:
            return make()
        except _Refusal as refusal:
            self._refuse(request, refusal.status, refusal.reason)
        except RefusedError as error:
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
        """Whether the engine took the run after all when it had not answered in time.

        With the token of another try it looks to the engine like another run of the same number.
        """
        return any(summary.run.run_id == run_id for summary in self._control.open_runs())

    def _prepare(self, request: RunRequest, failures: int) -> Prepared:
        allowed = self._allowed(request, failures)
        # The last word of the server before the Job: it gives no token for a task that has ended.
        token = self._container_token(request)
        try:
            return self._spec(allowed, token, SMALL_BYTES)
        except TooLargeError:
            return LargeRun(allowed, token)

    def _spec(self, request: RunRequest, token: str, limit: int) -> RunSpec:
        """The run for the engine. Raises TooLargeError for one to be read when its turn comes."""
        node_id = self._line.identity.node_id
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
        """The run with the image that the policies let run."""
        try:
            return replace(request, image=self._policies.allowed_image(request, failures))
        except NotAllowedHereError as error:
            raise _Refusal(RunStatus.NOT_ALLOWED, str(error)) from error

    def _container_token(self, request: RunRequest) -> str:
        # The image as the server spells it: it compares letter by letter.
        body = {"task_id": request.task_id, "image": request.image}
        try:
            token = self._line.rest.post("token/container", body).get("container_token")
        except RefusedError as error:
            reason = f"The server gave no token for this run's container: {error}."
            raise _Refusal(RunStatus.FAILED, reason) from error
        if not isinstance(token, str):
            raise _Refusal(RunStatus.FAILED, "The server gave no token for this run's container.")
        return token

    def _input(self, request: RunRequest, limit: int) -> bytes:
        if request.blob_storage_used:
            data = self._line.blobs.read(request.input, limit)
        elif is_left_out(request.input):
            data = self._long_input(request.run_id, limit)
        else:
            data = self._line.cryptor.decrypt(request.input)
        # A blob may be cut in between, which nothing in its base64 needs to show.
        if self._line.cryptor.encrypts or request.blob_storage_used:
            require_json_object(data)
        return data

    def _long_input(self, run_id: int, limit: int) -> bytes:
        if limit < MAX_BYTES:
            raise TooLargeError("it is read when its turn comes")
        try:
            text = self._line.rest.get_long(f"run/{run_id}", "input", MAX_TEXT_BYTES)
        except TooMuchError:
            raise TooLargeError(f"it is larger than {MAX_BYTES >> 20} MiB") from None
        return self._line.cryptor.decrypt_text(text)

    def _refuse(self, request: RunRequest, status: RunStatus, reason: str) -> None:
        self._reports.refuse(request.run_id, RunOrigin.of(request), status, reason)
