"""Writes refused and failed requests to the log, each kind of each caller once a minute."""

from __future__ import annotations

import time
import traceback

import structlog

from node_poc.proxy.refusals import RefusalLog

log = structlog.get_logger(__name__)


class RequestLog:
    """The lines about requests that did not pass."""

    def __init__(self, refusals: RefusalLog) -> None:
        """``refusals`` decides which line is a repetition."""
        self._refusals = refusals

    def refused(self, address: str, kind: str, **about: object) -> None:
        """Log a refusal, unless a refusal of the same kind was logged in the last minute.

        The caller may choose the values in `about`, provided they are short: `about` does not count
        as part of the kind.
        """
        left_out = self._refusals.note(address, kind, time.monotonic())
        if left_out is not None:
            log.warning(
                "request refused", address=address, told=kind, repeats_before=left_out, **about
            )

    def failed(self, address: str, error: Exception) -> None:
        """Log an error of the proxy itself, as rarely as a refusal."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        name, where = type(error).__name__, f"{frame.name}:{frame.lineno}"
        left_out = self._refusals.note(address, f"{name} in {where}", time.monotonic())
        if left_out is not None:
            # No traceback: the error's message may hold data.
            log.error(
                "request failed",
                address=address,
                error=name,
                where=where,
                repeats_before=left_out,
            )
