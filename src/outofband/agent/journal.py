"""What the agent was told to do and what came of it, on disk before anybody is answered.

The control plane repeats a command until it has its result; the journal makes the repeat harmless: a key that
was finished gets the same result again, also after a crash between doing and answering.
"""

from __future__ import annotations

import enum
import sqlite3
from pathlib import Path

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.link import Command, Result
from outofband.wire.machine import PROTECTED

KEEP_SECONDS = 7 * 86400.0

_SCHEMA = """
create table if not exists entries (
    key text primary key,
    command blob not null,
    begun real not null,
    finished real,
    result blob
);
create index if not exists ix_entries_begun on entries (begun);
"""


class Standing(enum.Enum):
    """What the journal knew of a command when it was shown to it."""

    NEW = "new"
    BEGUN = "begun"
    FINISHED = "finished"


class Journal:
    """Entries by command key. Blocking calls that reach the disk: use one thread, away from the event loop.

    `begin` and `finish` return after the entry is durable (SQLite in WAL mode, synchronous=FULL). Times are
    seconds since the epoch, because an entry must outlive a reboot.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def begin(self, command: Command, now: float) -> tuple[Standing, Result | None]:
        """Note that a command is about to be done, unless its key is known already.

        Raises ProtocolError when the key was given to another command before: answering with that one's
        result would be a lie. What the command protects is neither kept nor compared.
        """
        kept = {name: value for name, value in command.args.items() if name != PROTECTED}
        command = msgspec.structs.replace(command, args=kept)
        wanted = msgspec.json.encode(command)
        added = self._database.execute(
            "insert into entries (key, command, begun) values (?, ?, ?) on conflict (key) do nothing",
            (command.key, wanted, now),
        )
        if added.rowcount == 1:
            return Standing.NEW, None
        row = self._database.execute("select command, result from entries where key = ?", (command.key,))
        known, result = row.fetchone()
        if msgspec.json.decode(known, type=Command) != command:
            raise ProtocolError(f"expected the command first sent as {command.key!r}, got another")
        if result is None:
            return Standing.BEGUN, None
        return Standing.FINISHED, msgspec.json.decode(result, type=Result)

    def finish(self, result: Result, now: float) -> None:
        """Keep the result of a command that was begun. The first result stays: a key has one."""
        self._database.execute(
            "update entries set finished = ?, result = ? where key = ? and result is null",
            (now, msgspec.json.encode(result), result.key),
        )

    def unfinished(self) -> list[Command]:
        """Commands begun without a result, oldest first."""
        rows = self._database.execute("select command from entries where result is null order by begun, key")
        return [msgspec.json.decode(command, type=Command) for (command,) in rows]

    def prune(self, now: float) -> int:
        """Forget old entries; returns how many. An entry in progress is as old as its beginning."""
        gone = self._database.execute("delete from entries where begun < ?", (now - KEEP_SECONDS,))
        return gone.rowcount
