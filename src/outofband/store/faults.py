"""From a driver's error to a Fault: the few a caller can do something about."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from outofband.core.errors import Fault

PASSING = frozenset({"StoreBusy", "StoreUnavailable"})
"""Faults that may be gone a moment later."""

# PostgreSQL: lock_not_available, query_canceled (our statement limit), deadlock, serialization, too many
# connections.
_BUSY_STATES = frozenset({"55P03", "57014", "40P01", "40001", "53300"})
# admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout.
_AWAY_STATES = frozenset({"57P01", "57P02", "57P03", "25P03"})
_FULL_STATE = "53100"


def translate(error: BaseException) -> Fault | None:
    """The Fault that `error` amounts to; None when it is a defect, or not of the database at all."""
    if isinstance(error, sa.exc.TimeoutError):
        return Fault("StoreBusy")
    if isinstance(error, sqlite3.OperationalError):
        if "disk is full" in str(error).lower():
            return Fault("StoreDiskFull")
        return Fault("StoreBusy") if is_locked(error) else None
    if not isinstance(error, sa.exc.DBAPIError) or isinstance(error, sa.exc.IntegrityError):
        return None
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig).lower()
    if state == _FULL_STATE or "disk is full" in text:
        return Fault("StoreDiskFull")
    if state in _BUSY_STATES or is_locked(error.orig):
        return Fault("StoreBusy")
    if error.connection_invalidated or state in _AWAY_STATES or _never_connected(error, state):
        return Fault("StoreUnavailable", detail=_brief(error))
    return None


def is_locked(error: BaseException | None) -> bool:
    """Whether somebody else holds a lock of SQLite's."""
    text = str(error).lower()
    return "database is locked" in text or "database table is locked" in text


def _never_connected(error: sa.exc.DBAPIError, state: str | None) -> bool:
    # psycopg reports a refused connection or a failed login as an OperationalError without a SQL state.
    return (
        isinstance(error, sa.exc.OperationalError)
        and state is None
        and type(error.orig).__module__.startswith("psycopg")
    )


def _brief(error: sa.exc.DBAPIError) -> str:
    """The first line of what the driver said: it names host and port, never the password."""
    lines = str(error.orig).strip().splitlines()
    return lines[0][:200] if lines else type(error.orig).__name__
