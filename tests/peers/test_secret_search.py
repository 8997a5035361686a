"""After a whole round of everything, known secrets are looked for everywhere: in logs, addresses, arguments
and environments, in the database and its files, in every file of the state directory. None lies where it
should not.

Each place is also searched with every secret planted in it, in every form: what is not found there would not
be found at all.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.agent.config import DEFAULT, config_path
from outofband.core.paths import StateDir
from outofband.identity.pki import _KEY_FILES, _unsealed
from outofband.store.master_keys import KeyFile
from outofband.store.vault import Vault
from outofband.store.wrapping import SECRETS
from tests.peers.house import OOB, House, until
from tests.peers.rounds import Rounds, made_up
from tests.support.echo import until_hidden
from tests.support.hunt import Hunt, Place, Processes, files, postgres_rows, sqlite_rows
from tests.support.ports import lasting_ports
from tests.support.postgres import Cluster, binaries
from tests.support.terminal import Terminal

pytestmark = pytest.mark.exact
EXPECTED = {
    "password", "wrong password", "first password", "chosen password", "password that was made",
    "password that oob shows", "authorization code", "code_verifier", "access_token", "refresh_token",
    "id_token", "device_code", "access_token of a device", "refresh_token of a device", "user code",
    "TOTP seed", "recovery code", "cookie __Host-oob-session", "cookie __Host-oob-half",
    "cookie __Host-oob-csrf", "spoilt token", "client secret", "wrong client secret", "client assertion",
    "certificate's private key", "certificate's private number", "basic", "enrolment token", "agent key",
    "identity header", "key file", "token of a machine", "console ticket", "typed at a console",
    "protected parameter", "protected setting", "password of an account in a guest", "storage account key",
    "wrong storage account key", "signature of a SAS", "signature of a request", "master key", "signing key",
    "authority's key", "local client's secret", "token of oob", "provider secret",
}  # fmt: skip
"""Every kind of secret that there is; the test fails when a round left one out."""
PRIVATE = 0o077


class Searched:
    """A house with its rounds, and what was found of places on the way."""

    def __init__(self, house: House, database: str) -> None:
        self.house, self.database = house, database
        self.hunt = Hunt()
        self.processes = Processes()
        self.places: list[Place] = []
        self.said: list[Place] = []
        self.core_limits: dict[str, list[str]] = {}

    def rows(self) -> list[Place]:
        if self.database:
            return list(postgres_rows(self.database))
        return list(sqlite_rows(self.house.root / "control" / "control.db"))

    def look(self) -> None:
        """Take down everything as it is at this moment."""
        self.places += self.rows()
        self.places += files(self.house.root)

    def go_round(self) -> None:
        house, hunt = self.house, self.hunt
        rounds = Rounds(house, hunt)
        try:
            rounds.people()
            rounds.programs()
            rounds.hosts()
            rounds.blobs()
            rounds.guest_answers()
            rounds.console()
            self._console()
            rounds.script(self.look)
            self.places.append(Place("activity", "the activity log", rounds.activity().encode()))
        finally:
            rounds.close()
        self.places += rounds.urls
        self._keys()
        for words in (("vm", "list"), ("status",), ("identity", "user", "list"), ("keys", "status")):
            done = house.oob(*words)
            self.said.append(Place("said", " ".join(words), (done.stdout + done.stderr).encode()))

    def _console(self) -> None:
        """A person types a password into the guest's console, a wrong one, which is not echoed."""
        typed = f"typed-{made_up('x').rpartition(' ')[2]}"
        self.hunt.add("typed at a console", typed)
        with Terminal([*OOB, "console", "demo"], self.house.env) as seat:
            seat.expect(rb"you have the keyboard")
            seat.send(b"\r")
            seat.expect(rb"demo login: ")
            seat.send(b"demo\r")
            seat.expect(rb"Password: ")
            until_hidden(lambda text: seat.send(text.encode()), lambda: bytes(seat.seen).decode("latin-1"))
            seat.send(typed.encode() + b"\r")
            seat.expect(rb"incorrect")
            seat.send(b"\x1dq")
            seat.wait()
            self.said.append(Place("said", "console", bytes(seat.seen)))

    def _keys(self) -> None:
        """What the control plane keeps for itself: read with the master key, as it does."""
        state = StateDir(self.house.root)
        source = KeyFile(state.control / "vault.key")
        ring = source.load()
        assert ring is not None
        for each in ring.all:
            self.hunt.add("master key", each.raw, "control/vault.key")
        vault = Vault(source, ring)
        for private in self._sealed(vault):
            self.hunt.add("signing key", private)
        for name in _KEY_FILES:
            self.hunt.add("authority's key", _unsealed((state.pki / name).read_bytes(), vault))
        secret = (state.client / "secret").read_text().strip()
        self.hunt.add("local client's secret", secret, "client/secret")
        token = re.search(r'"token":"([^"]+)"', (state.client / "token.json").read_text())
        assert token is not None
        self.hunt.add("token of oob", token[1], "client/token.json")
        if self.database:
            password = re.search(r":([^:@]+)@", (state.root / "store-url").read_text())
            assert password is not None
            self.hunt.add("password of the database", password[1], "store-url")

    def _sealed(self, vault: Vault) -> list[bytes]:
        query = "SELECT kid, private, wrap FROM signing_keys"
        column = SECRETS[0]
        if self.database:
            import psycopg

            with psycopg.connect(self.database) as connection:
                rows = connection.execute(query).fetchall()
        else:
            with sqlite3.connect(self.house.root / "control" / "control.db", timeout=10) as there:
                rows = there.execute(query).fetchall()
            there.close()
        found = [vault.unseal(bytes(sealed), column.about(kid), wrap) for kid, sealed, wrap in rows]
        return [each[1] for raw in found if (each := re.search(rb'"d":"([^"]+)"', raw)) is not None]

    def crash(self) -> None:
        """Both services end as by a bug of theirs, and leave what such an end leaves."""
        for service in ("agent", "control"):
            pid = self.house.pid(service)
            limits = Path(f"/proc/{pid}/limits").read_text()
            self.core_limits[service] = next(each for each in limits.splitlines() if "core" in each).split()[
                4:6
            ]
            os.kill(pid, signal.SIGABRT)
            until(f"{service} is gone", lambda pid=pid: not Path(f"/proc/{pid}/cmdline").exists()
                  or not Path(f"/proc/{pid}/cmdline").read_bytes(), 30)  # fmt: skip

    def everything(self) -> list[Place]:
        """What was taken down on the way and what there is now; the same bytes twice are one."""
        now = [*self.rows(), *files(self.house.root)]
        every = [*self.places, *self.said, *self.processes.places, *now]
        return list({(each.kind, each.name, each.content): each for each in every}.values())

    def close(self) -> None:
        self.processes.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    assert programs is not None, "PostgreSQL is missing: a peer that is missing is no reason to pass"
    made = Cluster(programs)
    made.start()
    yield made
    made.stop()
    made.remove()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def searched(request: pytest.FixtureRequest, demo_guest: Guest, cluster: Cluster) -> Iterator[Searched]:
    house = House(demo_guest)
    database = ""
    if request.param == "postgresql":
        # The server asks for no password: one that is given anyway has to be kept like any other.
        database = cluster.create().replace("lab@", "lab:pg-secret-Gannet-4711@")
        file = house.root / "store-url"
        file.write_text(database)
        file.chmod(0o600)
        house.env["OOB_STORE_URL_FILE"] = str(file)
    config = config_path(StateDir(house.root))
    config.parent.mkdir(mode=0o700)
    [port] = lasting_ports(1)
    lines = {
        "# enabled = false": "enabled = true",
        "# port = 40342": f"port = {port}",
        '# tokens = "/var/opt/azcmagent/tokens"': f'tokens = "{house.root}/tokens"',
    }
    text = DEFAULT
    for old, new in lines.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    config.chmod(0o600)
    made = Searched(house, database)
    try:
        house.up()
        made.go_round()
        made.crash()
        yield made
    finally:
        made.close()
        house.close()


def test_every_kind_of_secret_was_used(searched: Searched) -> None:
    assert EXPECTED - searched.hunt.kinds == set()


def test_none_lies_where_it_should_not(searched: Searched) -> None:
    found = searched.hunt.find(searched.everything())
    assert found == [], "\n".join(
        sorted({f"{each.canary}: {each.kind} {each.place} ({each.form})" for each in found})
    )


def test_what_is_planted_is_found_everywhere(searched: Searched) -> None:
    """In a copy of one place of each kind, and for real where a place is read in a way of its own."""
    places = searched.everything()
    kinds = {"row", "file", "url", "activity", "said", "cmdline", "environ"}
    assert {each.kind for each in places} == kinds
    for kind in kinds:
        one = max(
            (each for each in places if each.kind == kind), key=lambda each: len(each.content) < 100_000
        )
        assert searched.hunt.undetected(Place(one.kind, one.name, one.content[:20_000])) == []
    canary = next(each for each in searched.hunt.canaries if each.kind == "client secret")
    _in_a_process(searched, canary.value.decode())
    _in_a_file(searched, canary.value)
    _in_the_database(searched, canary.value.decode())


def _in_a_process(searched: Searched, secret: str) -> None:
    for words, more in (([secret], {}), ([], {"WORD": secret})):
        kind = "environ" if more else "cmdline"

        def seen(kind: str = kind) -> bool:
            return any(each.kind == kind for each in searched.hunt.find(searched.processes.places))

        # It stays until its input ends.
        command = [sys.executable, "-c", "import sys; sys.stdin.read()", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **more}):
            until(f"it is seen in {kind}", seen)


def _in_a_file(searched: Searched, secret: bytes) -> None:
    before = set(files(searched.house.root))
    for name in ("log/control.log.1", "control/core.4711", "agent/spool-of-nobody"):
        file = searched.house.root / name
        file.write_bytes(b"x" * 5000 + secret)
        # Every file is read; only those that are new are looked into a second time.
        found = searched.hunt.find(each for each in files(searched.house.root) if each not in before)
        file.unlink()
        assert {each.place for each in found} == {name}


def _in_the_database(searched: Searched, secret: str) -> None:
    if searched.database:
        import psycopg

        with psycopg.connect(searched.database, autocommit=True) as connection:
            connection.execute("CREATE TABLE planted (word text)")
            connection.execute("INSERT INTO planted VALUES (%s)", (secret,))
            found = {each.place for each in searched.hunt.find(searched.rows())}
            connection.execute("DROP TABLE planted")
        assert found == {"planted"}
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for each in (searched.house.root / "control").glob("control.db*"):
            shutil.copy(each, folder)
        (Path(folder) / "control.db").rename(copy)
        for each in Path(folder).glob("control.db-*"):
            each.rename(str(copy) + each.name.removeprefix("control.db"))
        with sqlite3.connect(copy) as database:
            database.execute("INSERT INTO sign_in_failures VALUES (?, 1, 1, 1)", (secret,))
        database.close()
        assert {each.place for each in searched.hunt.find(sqlite_rows(copy))} == {
            "sign_in_failures.name_digest"
        }
        with sqlite3.connect(copy) as database:
            database.execute("PRAGMA secure_delete = OFF")
            database.execute("DELETE FROM sign_in_failures WHERE name_digest = ?", (secret,))
        database.close()
        assert searched.hunt.find(sqlite_rows(copy)) == []
        # What was deleted lies in a free page until it is written over: the file itself shows it.
        assert searched.hunt.find(files(Path(folder))) != []


def test_files_are_for_their_owner_alone(searched: Searched) -> None:
    """Nothing in the state directory can be read by others, and nothing can be run as a program."""
    root = searched.house.root
    loose = [
        f"{path.relative_to(root)} {path.stat().st_mode & 0o777:o}"
        for path in root.rglob("*")
        # Not sockets: what is asked of them is the right to write, and their folders let nobody in.
        if (path.is_dir() or path.is_file()) and not path.is_symlink() and path.stat().st_mode & PRIVATE
    ]
    assert loose == []


def test_no_process_leaves_its_memory_on_a_disk(searched: Searched) -> None:
    """They ended by SIGABRT: a core is not allowed, and there is none."""
    assert searched.core_limits == {"agent": ["0", "0"], "control": ["0", "0"]}
    named = re.compile(r"(^|[./-])core(\.\d+)?$|\.crash$|\.dmp$")
    assert [each.name for each in files(searched.house.root) if named.search(each.name)] == []
