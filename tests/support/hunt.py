"""A hunt for secrets: what they look like in all the ways in which they may be written down, and where.

A `Canary` is a secret that a test knows. `forms` are the byte strings by which it would be recognised: as it
is, in base64 (of both alphabets, wherever in a longer text it begins), in hex, in a URL, in JSON. A `Place`
is something that was read; `Hunt.find` tells which canary lies where.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec

SHORTEST = 8
"""Bytes: what is shorter turns up by chance."""


class Canary(msgspec.Struct, frozen=True):
    """`kind` is one word for it. `home` is where it may be: files, as paths within a state directory, and for
    what a browser carries the addresses that it is carried to, without their query.
    """

    kind: str
    value: bytes
    home: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """`kind` is what sort of place it is, `name` the place itself: a file, a table with its column, a URL."""

    kind: str
    name: str
    content: bytes


class Found(msgspec.Struct, frozen=True, order=True):
    canary: str
    kind: str
    place: str
    form: str


def forms(value: bytes) -> dict[str, bytes]:
    """By its name each byte string that betrays `value`."""
    made = {"clear": value, "hex": value.hex().encode(), "HEX": value.hex().upper().encode()}
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + value)
        # What the neighbours share in is not the value's own.
        own = whole[(0, 2, 3)[shift] :].rstrip(b"=")
        own = own[:-1] if (shift + len(value)) % 3 else own
        made[f"base64+{shift}"] = own
        made[f"base64url+{shift}"] = own.replace(b"+", b"-").replace(b"/", b"_")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _worth(made)
    made["quoted"] = quote(text, safe="").encode()
    made["quoted-lower"] = quote(text, safe="").lower().encode()
    made["plus"] = quote_plus(text).encode()
    made["json"] = json.dumps(text)[1:-1].encode()
    made["lines"] = text.replace("\n", "\\n").encode()
    return _worth(made)


def _worth(made: dict[str, bytes]) -> dict[str, bytes]:
    seen: set[bytes] = set()
    kept = {}
    for name, form in made.items():
        if len(form) >= SHORTEST and form not in seen:
            seen.add(form)
            kept[name] = form
    return kept


class Hunt:
    """Of several canaries. One that is added twice under one kind is two."""

    def __init__(self) -> None:
        self.canaries: list[Canary] = []
        self._forms: list[dict[str, bytes]] = []

    def add(self, kind: str, value: str | bytes, *home: str) -> None:
        """`home`: where it may lie, as patterns of `Path.match`. PEM is known by what stands in it."""
        raw = value.encode() if isinstance(value, str) else value
        if raw.startswith(b"-----BEGIN"):
            raw = max(raw.splitlines(), key=len)
        assert len(raw) >= SHORTEST, f"{kind} is too short to be told from chance"
        self.canaries.append(Canary(kind, raw, home))
        self._forms.append(forms(raw))

    @property
    def kinds(self) -> set[str]:
        return {each.kind for each in self.canaries}

    def find(self, places: Iterable[Place]) -> list[Found]:
        """Everything that lies where it should not."""
        found = []
        for place in places:
            for canary, made in zip(self.canaries, self._forms, strict=True):
                if canary.home and any(Path(place.name).match(each) for each in canary.home):
                    continue
                form = _form_in(place.content, made)
                if form is not None:
                    found.append(Found(canary.kind, place.kind, place.name, form))
        return sorted(found)

    def undetected(self, place: Place) -> list[str]:
        """Plant each canary in each form in a copy of the place; which of them the hunt does not see."""
        middle = len(place.content) // 2
        head, tail = place.content[:middle], place.content[middle:]
        missed = []
        for canary, made in zip(self.canaries, self._forms, strict=True):
            for name, form in made.items():
                if _form_in(head + form + tail, made) is None:
                    missed.append(f"{canary.kind} as {name}")
        return missed


def _form_in(content: bytes, made: dict[str, bytes]) -> str | None:
    return next((name for name, form in made.items() if form in content), None)


# --- places


def files(root: Path, kind: str = "file") -> Iterator[Place]:
    """Every file below a directory. What comes and goes meanwhile is passed over."""
    for path in sorted(root.rglob("*")):
        try:
            if path.is_file() and not path.is_symlink():
                yield Place(kind, str(path.relative_to(root)), path.read_bytes())
        except OSError:
            continue


def sqlite_rows(path: Path) -> Iterator[Place]:
    """Every column of every table, all of its values after each other."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for column in [row[1] for row in database.execute(f'PRAGMA table_info("{name}")')]:
                rows = database.execute(f'SELECT "{column}" FROM "{name}"').fetchall()
                yield Place("row", f"{name}.{column}", b"\n".join(_bytes(value) for (value,) in rows))
    database.close()


def postgres_rows(url: str) -> Iterator[Place]:
    """The same of PostgreSQL, each table as COPY writes it: bytes are hex there."""
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (name,) in cursor.fetchall():
            with cursor.copy(f'COPY "{name}" TO STDOUT'.encode()) as copied:
                yield Place("row", name, b"".join(bytes(part) for part in copied))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class Processes:
    """Looks at arguments and environment of every process of the machine, all the time until `close`. One
    that lives shorter than a look takes may be missed.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bytes], None] = {}
        self._looks: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="processes")
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    @property
    def places(self) -> list[Place]:
        return [Place(kind, "a process", content) for kind, content in list(self._seen)]

    def _look(self) -> None:
        own, turn = os.getpid(), 0
        while not self._over.wait(0.02):
            turn += 1
            alive = {int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()} - {own}
            self._looks = {pid: looks for pid, looks in self._looks.items() if pid in alive}
            for pid in alive:
                # A new one may not have become its program yet; later its title may change.
                looks = self._looks[pid] = self._looks.get(pid, 0) + 1
                if looks <= 5 or (looks + pid) % 50 == 0:
                    for kind in ("cmdline", "environ"):
                        self._note(pid, kind)

    def _note(self, pid: int, kind: str) -> None:
        try:
            content = Path(f"/proc/{pid}/{kind}").read_bytes()
        except OSError:
            return
        self._seen.setdefault((kind, content))
