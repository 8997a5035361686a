"""Logs of a service: one line an event, on standard error, as text for people or JSON for machines.

A service may keep the same events in a log file too (net/logfile).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog

from outofband.net.logfile import LogFile, names_secret

JSON_VARIABLE = "OOB_LOG"
"""`OOB_LOG=json` asks for JSON where no option can be given."""
log = structlog.get_logger(__name__)

_LEVEL_NAMES = {"warn": "warning", "exception": "error", "critical": "fatal"}
_CHATTY = ("picows", "websockets", "httpx", "httpcore", "asyncio")


def configure(*, json: bool | None = None, verbose: bool = False, file: LogFile | None = None) -> None:
    """Set up structlog and the standard library's logging for this process. `json` None asks `OOB_LOG`.

    What is logged goes to `file` as well, whatever form it has on standard error.
    """
    as_json = json if json is not None else os.environ.get(JSON_VARIABLE) == "json"
    level = logging.DEBUG if verbose else logging.INFO
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        # The pretty tracebacks print the values of local variables, and those may be secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            *([_Tee(file)] if file is not None else []),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in _CHATTY:
        # At INFO they tell of every connection, at DEBUG of every byte; bytes of consoles are in no log.
        logging.getLogger(name).setLevel(logging.WARNING)


def silence() -> None:
    """No log at all from this process: for a command whose standard error is for one JSON object."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Only warnings, on standard error, within the block: for a command whose output is its result."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def loop_errors(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: what no coroutine could catch, in one line.

    Anybody can break a connection in the middle of a TLS handshake; that is no news.
    """
    error = context.get("exception")
    message = str(context.get("message", "an error without words"))
    if isinstance(error, type | ConnectionError | ssl.SSLError):
        # uvloop passes exception classes as well, which have no traceback to show.
        log.debug("loop.connection_broken", detail=message.partition("\n")[0], error=repr(error))
        return
    log.error("loop.error", detail=message, exc_info=error)


class _Tee:
    """A processor that writes each event to a log file, and passes it on as it was."""

    def __init__(self, file: LogFile) -> None:
        self._file = file

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        told = structlog.processors.format_exc_info(logger, method, dict(event))
        level = str(told.pop("level", method))
        told.pop("timestamp", None)
        message = str(told.pop("event", ""))
        self._file.write_fields(_LEVEL_NAMES.get(level, level), message, told)
        return event


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whatever was logged under a name that speaks of a secret is not written."""
    for name in event:
        if name != "event" and names_secret(name):
            event[name] = "***"
    return event
