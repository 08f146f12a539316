"""Logs: one line per event on standard output, readable text on a terminal, JSON in a pod."""

from __future__ import annotations

import logging
import sys

import structlog

# Libraries that log every request at INFO.
_CHATTY = ("urllib3", "engineio", "socketio", "websocket")


def set_up_logging(level: str, *, as_json: bool) -> None:
    """Set up structlog and the standard library's logging for the whole process."""
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *_renderers(as_json=as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(name)s %(message)s")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _renderers(*, as_json: bool) -> list[structlog.typing.Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: structlog's default tracebacks show local variables, with tokens and data.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
