"""How to connect: URLs, pools, and the settings both databases need to keep what `engine` promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from outofband.core.errors import Fault
from outofband.store.locking import ProcessLock, refuse_network_filesystem

READERS = 4
WRITERS = 2
POOL_WAIT = 10.0
"""Seconds to wait for a free connection."""
WRITE_WAIT = 10.0
"""Seconds to wait for one's turn to write."""
BUSY_WAIT_MS = 5000
"""How long SQLite waits for a lock that a foreign program (a backup, a shell) holds."""
UNIT_LIMIT_MS = 30_000
"""PostgreSQL ends a unit whose process hangs, so that the other nodes go on."""
_WAL_KEEP_BYTES = 64 * 1024 * 1024


def is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def parse_url(url: str) -> sa.URL:
    """The URL with the driver this project uses. Raises Fault StoreUrlInvalid; never shows a password."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Fault("StoreUrlInvalid", detail="it is no database URL") from error
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or not Path(parsed.database).is_absolute() or parsed.query:
                raise Fault(
                    "StoreUrlInvalid", detail="SQLite needs an absolute path: sqlite:////path/control.db"
                )
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise Fault("StoreUrlInvalid", detail=f"'{other}' is neither sqlite nor postgresql")


def plain(url: sa.URL) -> str:
    """The URL as psycopg itself takes it, password included."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def claim(path: Path) -> ProcessLock:
    """Lock a SQLite file for this process, make it private. Raises StoreInUse, StoreOnNetworkFilesystem."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network_filesystem(path.parent)
    lock = ProcessLock(path)
    lock.acquire()
    # SQLite gives -wal and -shm the mode of the main file; it holds signing keys, so nobody else may read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return lock


def refuse_missing(path: Path) -> None:
    """For who comes to a database that has to be there. Raises StoreMissing, StoreOnNetworkFilesystem."""
    if not path.is_file():
        raise Fault("StoreMissing", path=str(path))
    refuse_network_filesystem(path.parent)


def reader(url: sa.URL) -> AsyncEngine:
    """Connections to PostgreSQL that see one snapshot per unit and refuse to write."""
    return create_async_engine(
        url,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        **_postgres_options(READERS),
    )


def blocking_reader(url: sa.URL) -> sa.Engine:
    """Connections to SQLite that refuse to write. Their user begins and ends units, takes care that a
    connection is used by one thread at a time, and never waits for a lock.
    """
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False},
    )
    _tune_sqlite(engine, extra=("PRAGMA query_only=ON", "PRAGMA busy_timeout=0"))
    return engine


def writer(url: sa.URL) -> AsyncEngine:
    """Connections to PostgreSQL for write units, which the caller runs one at a time."""
    return create_async_engine(url, isolation_level="READ COMMITTED", **_postgres_options(WRITERS))


def blocking_writer(url: sa.URL) -> sa.Engine:
    """Connections to SQLite for write units. Their user begins each with BEGIN IMMEDIATE (a deferred
    transaction that turns from reading to writing can fail at any statement), takes care that a connection is
    used by one thread at a time, and never waits for a lock.
    """
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        poolclass=sa.NullPool,
        connect_args={"check_same_thread": False},
    )
    _tune_sqlite(engine, extra=("PRAGMA busy_timeout=0",))
    return engine


def _postgres_options(size: int) -> dict[str, Any]:
    limits = f"-c lock_timeout={int(WRITE_WAIT * 1000)} -c statement_timeout={UNIT_LIMIT_MS}"
    limits += f" -c idle_in_transaction_session_timeout={UNIT_LIMIT_MS}"
    return {
        # An error of the driver ends up in a log, and what a row was to hold may be somebody's secret.
        "hide_parameters": True,
        "pool_size": size,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT,
        "pool_pre_ping": True,
        "connect_args": {
            "options": limits,
            "connect_timeout": int(POOL_WAIT),
            "application_name": "outofband",
        },
    }


def _tune_sqlite(engine: sa.Engine, *, extra: tuple[str, ...] = ()) -> None:
    pragmas = (
        f"PRAGMA busy_timeout={BUSY_WAIT_MS}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL",
        "PRAGMA foreign_keys=ON",
        f"PRAGMA journal_size_limit={_WAL_KEEP_BYTES}",
        *extra,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own implicit BEGIN is off: who uses the connection says which kind it is.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()
