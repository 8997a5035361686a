"""Secrets at rest: what opens and what does not, keys lost and changed, a kill in the middle of wrapping."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables, wrapping
from outofband.store.keyring import StoredKey
from outofband.store.master_keys import KeyFile, KeySource, KeyText, MasterKey, Ring, choose, parse
from outofband.store.store import Store
from outofband.store.vault import UNWRAPPED, Vault, about, open_vault
from outofband.store.wrapping import SIGNING_KEYS, STORAGE_ACCOUNTS, TOTP, wrap_all
from tests.support.users import add_user
from tests.unit.store.conftest import TENANT

ONE, TWO = MasterKey(b"\1" * 32), MasterKey(b"\2" * 32)
ABOUT = about("signing-key", "k1")
PLAIN = b"-----plain secret of a key-----"


class Kept:
    """A source in memory, which counts as a file."""

    where = "memory"

    def __init__(self, ring: Ring | None) -> None:
        self.ring = ring

    def load(self) -> Ring | None:
        return self.ring

    def save(self, ring: Ring) -> None:
        self.ring = ring


def vault_of(*keys: MasterKey) -> Vault:
    ring = Ring(current=keys[0], older=keys[1:])
    return Vault(Kept(ring), ring)


def test_a_secret_opens_only_with_its_key_and_in_its_place() -> None:
    vault, other = vault_of(ONE), vault_of(TWO)
    sealed = vault.seal(PLAIN, ABOUT)
    assert PLAIN not in sealed
    assert vault.seal(PLAIN, ABOUT) != sealed
    assert vault.unseal(sealed, ABOUT, vault.name) == PLAIN
    for opener, place, name in (
        (vault, about("signing-key", "k2"), vault.name),
        (vault, about("storage-account", "k1"), vault.name),
        (other, ABOUT, vault.name),
        (other, ABOUT, other.name),
        (vault, ABOUT, UNWRAPPED),
        (vault, ABOUT, "envelope:"),
    ):
        with pytest.raises(Fault, match="VaultKeyInvalid"):
            opener.unseal(sealed, place, name)


@pytest.mark.parametrize("position", [0, 15, 40, 60, 75, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    vault = vault_of(ONE)
    broken = bytearray(vault.seal(PLAIN, ABOUT))
    broken[position] ^= 1
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        vault.unseal(bytes(broken), ABOUT, vault.name)
    for short in (b"", b"x", bytes(broken[:50])):
        with pytest.raises(Fault, match="VaultKeyInvalid"):
            vault.unseal(short, ABOUT, vault.name)


def test_a_rotation_moves_the_envelope_and_leaves_the_secret() -> None:
    before, after = vault_of(ONE), vault_of(TWO, ONE)
    sealed = before.seal(PLAIN, ABOUT)
    moved = after.rewrap(sealed, ABOUT, before.name)
    assert moved[60:] == sealed[60:]
    assert after.unseal(sealed, ABOUT, before.name) == after.unseal(moved, ABOUT, after.name) == PLAIN
    assert vault_of(TWO).unseal(moved, ABOUT, after.name) == PLAIN
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        after.rewrap(sealed, about("signing-key", "k2"), before.name)


def test_a_key_that_another_process_added_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring(current=ONE)
    source = Kept(ring)
    vault = Vault(source, ring)
    source.ring = ring.rotated()
    elsewhere = Vault(source, source.ring)
    sealed = elsewhere.seal(PLAIN, ABOUT)
    with pytest.raises(Fault):
        vault.unseal(sealed, ABOUT, elsewhere.name)  # it has looked a moment ago
    monkeypatch.setattr("outofband.store.vault.REREAD_SECONDS", 0.0)
    assert vault.unseal(sealed, ABOUT, elsewhere.name) == PLAIN
    assert vault.name == elsewhere.name
    source.ring = None
    assert not vault.reread()  # a source that is gone takes no key away from who runs
    assert vault.unseal(sealed, ABOUT, elsewhere.name) == PLAIN


def test_the_text_of_keys() -> None:
    ring = Ring(current=TWO, older=(ONE,)).prepared()
    assert ring.prepared() is not None and ring.prepared().coming == ring.coming
    assert parse(ring.text(), "here") == ring
    assert ring.coming is not None and ring.rotated().current == ring.coming
    assert ring.rotated().older == (TWO, ONE)
    assert ring.without({ONE.id, TWO.id}).all == (TWO, ring.coming)
    assert parse(f"{'ab' * 32} {'cd' * 32}", "one line, as in a variable").older == (MasterKey(b"\xcd" * 32),)
    assert "01" * 32 not in repr(ring)
    for text in (
        "",
        "# only words\n",
        "ab" * 31,
        "ab" * 33,
        f"{'ab' * 32}\n{'ab' * 32}",
        "next " + "ab" * 32,
    ):
        with pytest.raises(Fault, match="VaultKeyInvalid") as raised:
            parse(text, "here")
        assert "abab" not in str(raised.value)


def test_where_keys_are_looked_for(tmp_path: Path) -> None:
    default = tmp_path / "vault.key"
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    none = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert choose("", default, {}).where == choose("", default, none).where == str(default)
    (credentials / "outofband-vault-key").write_text("ab" * 32)
    given = choose("", default, none)
    assert given.where == str(credentials / "outofband-vault-key")
    with pytest.raises(Fault, match="VaultKeyFixed"):
        given.save(Ring(current=ONE))
    assert choose(str(tmp_path / "set"), default, none).where == str(tmp_path / "set")
    text = choose(str(tmp_path / "set"), default, {"OOB_VAULT_KEY": "ab" * 32})
    assert text.where == "OOB_VAULT_KEY"
    with pytest.raises(Fault, match="VaultKeyFixed"):
        text.save(Ring(current=ONE))


def test_a_key_is_made_only_where_nothing_needs_one(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "vault.key")
    with pytest.raises(Fault, match="VaultKeyMissing"):
        open_vault(source, {vault_of(ONE).name}, 3)
    assert not source.path.exists()
    made = open_vault(source, {UNWRAPPED}, 0)
    assert source.path.stat().st_mode & 0o777 == 0o600
    assert open_vault(source, {made.name}, 1).name == made.name
    kept = source.path.read_bytes()
    with pytest.raises(Fault, match="VaultKeyWrong") as raised:
        open_vault(source, {vault_of(ONE).name, made.name}, 3)
    assert raised.value.fields["needs"] == ONE.id
    assert source.path.read_bytes() == kept
    source.path.write_text("rubbish")
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        open_vault(source, set(), 0)
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        open_vault(KeyFile(tmp_path), set(), 0)


def test_every_column_that_names_a_key_is_known_to_the_rotation() -> None:
    """Who adds a table with secrets and forgets SECRETS would lose them at the next rotation."""
    known = {each.table.name for each in wrapping.SECRETS}
    assert {table.name for table in tables.metadata.tables.values() if "wrap" in table.columns} == known
    assert len({each.purpose for each in wrapping.SECRETS}) == len(wrapping.SECRETS)


def clear(number: int, now: datetime) -> StoredKey:
    """As a version without a vault wrote it."""
    return StoredKey(
        kid=f"k{number:03}",
        use="grant",
        algorithm="Ed25519",
        public={"kid": f"k{number:03}"},
        private=PLAIN + str(number).encode(),
        wrap=UNWRAPPED,
        created=now,
        active_from=now,
        retired=None,
        expires=None,
    )


async def fill(url: str, count: int, now: datetime) -> None:
    old = await Store.open(url)
    async with old.write() as tx:
        for number in range(count):
            await old.keyring.add(tx, clear(number, now))
    await old.close()


async def contents(store: Store) -> dict[str, bytes]:
    """Every secret, opened."""
    table = tables.signing_keys
    async with store.read() as tx:
        rows = await tx.fetch(sa.select(table.c.kid, table.c.private, table.c.wrap))
    return {kid: store.vault.unseal(held, SIGNING_KEYS.about(kid), wrap) for kid, held, wrap in rows}


async def under(store: Store) -> set[str]:
    async with store.read() as tx:
        return set(await wrapping.names(tx))


def expected(count: int) -> dict[str, bytes]:
    return {f"k{number:03}": PLAIN + str(number).encode() for number in range(count)}


def files(url: str) -> bytes:
    """All that SQLite keeps on disk of a database."""
    folder = Path(url.removeprefix("sqlite:///")).parent
    return b"".join(each.read_bytes() for each in folder.glob("control.db*"))


@pytest.mark.anyio
async def test_what_lay_in_clear_is_wrapped_and_leaves_no_trace(store_url: str, now: datetime) -> None:
    await fill(store_url, 45, now)
    if store_url.startswith("sqlite"):
        assert PLAIN in files(store_url)
    source = Kept(None)
    store = await Store.open(store_url, source)
    assert source.ring is not None  # nothing was encrypted yet, so a key could be made
    assert await under(store) == {store.vault.name}
    assert await contents(store) == expected(45)
    if store_url.startswith("sqlite"):
        assert PLAIN not in files(store_url)
    await store.close()
    for lost, code in ((Kept(None), "VaultKeyMissing"), (Kept(Ring(current=ONE)), "VaultKeyWrong")):
        with pytest.raises(Fault, match=code):
            await Store.open(store_url, lost)
        assert lost.ring is None or lost.ring.current == ONE
    again = await Store.open(store_url, source)
    assert await contents(again) == expected(45)
    await again.close()


@pytest.mark.anyio
async def test_accounts_of_the_first_kind_are_wrapped_anew(store: Store, now: datetime) -> None:
    """Version 1 encrypted storage accounts by the master key itself, bound to the row's id alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = store.vault.ring.current
    sealed = b"n" * 12 + AESGCM(key.raw).encrypt(b"n" * 12, PLAIN, b"uid-1")
    table = STORAGE_ACCOUNTS.table
    row = {"uid": "uid-1", "name": "n", "tenant_id": "t", "created": now}
    async with store.write() as tx:
        await tx.change(sa.insert(table).values(keys=sealed, wrap=f"aesgcm:{key.id}", **row))
    assert await wrap_all(store.db, store.vault) == 1
    assert await wrap_all(store.db, store.vault) == 0
    async with store.read() as tx:
        [(held, wrap)] = await tx.fetch(sa.select(table.c["keys"], table.c.wrap))
    assert wrap == store.vault.name
    assert store.vault.unseal(held, STORAGE_ACCOUNTS.about("uid-1"), wrap) == PLAIN


@pytest.mark.anyio
async def test_a_rotation_of_the_master_key_reaches_every_row(store_url: str, now: datetime) -> None:
    await fill(store_url, 45, now)
    source = Kept(Ring(current=ONE))
    store = await Store.open(store_url, source)
    source.ring = source.load().rotated()  # type: ignore[union-attr]
    assert store.vault.reread()
    assert await wrap_all(store.db, store.vault) == 45
    assert await under(store) == {store.vault.name}
    await store.close()
    bare: KeySource = KeyText(source.ring.current.raw.hex())
    alone = await Store.open(store_url, bare)
    assert await contents(alone) == expected(45)
    await alone.close()


@pytest.mark.anyio
async def test_one_broken_row_stops_nothing_before_it(store: Store, now: datetime) -> None:
    async with store.write() as tx:
        for number in range(3):
            await store.keyring.add(tx, clear(number, now))
    await wrap_all(store.db, store.vault)
    table = tables.signing_keys
    async with store.write() as tx:
        await tx.change(sa.update(table).where(table.c.kid == "k001").values(private=b"broken" * 20))
    ring = store.vault.ring.rotated()
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        await wrap_all(store.db, Vault(Kept(ring), ring))
    async with store.read() as tx:
        rows = await tx.fetch(sa.select(table.c.kid, table.c.private).where(table.c.kid != "k001"))
    assert all(store.vault.unseal(held, SIGNING_KEYS.about(kid), store.vault.name) for kid, held in rows)


DIE = """
import asyncio, os, signal, sys
from outofband.store.engine import Database
from outofband.store.master_keys import KeyFile
from outofband.store.store import Store
from pathlib import Path

async def main():
    seen, commits, scrub = 0, (Database._end_write, Database._commit), Database.scrub
    limit = int(sys.argv[3])
    def counted(commit):
        async def counting(self, connection, tx):
            nonlocal seen
            seen += 1
            if seen == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            return await commit(self, connection, tx)
        return counting
    async def scrubbed(self, names):
        await scrub(self, names)
        if limit == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    Database._end_write, Database._commit = map(counted, commits)
    Database.scrub = scrubbed
    await Store.open(sys.argv[1], KeyFile(Path(sys.argv[2])))

asyncio.run(main())
"""


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [0, 2, 3, 4, 6])
async def test_killed_in_the_middle_of_wrapping(
    store_url: str, tmp_path: Path, now: datetime, limit: int
) -> None:
    """A real process, killed before each of its commits and after the scrub; the next start ends the work."""
    await fill(store_url, 45, now)
    key = tmp_path / "vault.key"
    command = [sys.executable, "-c", DIE, store_url, str(key), str(limit)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    store = await Store.open(store_url, KeyFile(key))
    assert await under(store) == {store.vault.name}
    assert await contents(store) == expected(45)
    if store_url.startswith("sqlite"):
        assert PLAIN not in files(store_url)
    await store.close()


@pytest.mark.anyio
async def test_apps_of_people_are_wrapped_and_passkeys_have_nothing_to_wrap(
    populated: Store, now: datetime
) -> None:
    store = populated
    await add_user(store, TENANT, "ann@lab.example", now=now)
    async with store.write() as tx:
        user = await store.people.by_name(tx, "ann@lab.example")
        assert user is not None
        made = await store.factors.offer_totp(tx, user.object_id, "phone", PLAIN, now=now)
        assert await store.factors.confirm(tx, made, step=1, now=now)
        await store.factors.add_passkey(
            tx,
            user.object_id,
            "stick",
            credential_id="c",
            public_key=b"p",
            host="h",
            sign_count=0,
            transports=[],
            now=now,
        )
    assert await wrap_all(store.db, store.vault) == 1
    async with store.read() as tx:
        [held] = [each for each in await store.factors.of_user(tx, user.object_id) if each.secret]
    assert held.secret is not None
    assert store.vault.unseal(held.secret, TOTP.about(user.object_id), held.wrap) == PLAIN
