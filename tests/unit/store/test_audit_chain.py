"""The chain in the database: whatever is done to its rows shows, on both databases."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from outofband.audit.export import Exporter
from outofband.audit.keys import USE, AuditKeys, public_of
from outofband.audit.retention import Retention
from outofband.audit.seal import IDLE, Sealer
from outofband.core.ids import ResourceId, parse_id
from outofband.core.principal import Principal, PrincipalKind
from outofband.store import tables
from outofband.store.audit_tables import audit_chains, audit_checkpoints
from outofband.store.keyring import StoredKey
from outofband.store.store import Store
from outofband.wire.audit import chain, lines
from outofband.wire.audit.verify import Report, Verifier, What
from tests.support.vault import TEST_KEYS

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
TENANT = "11111111-0000-0000-0000-000000000001"
VM = parse_id(f"/subscriptions/{TENANT}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web")
ANN = Principal(
    tenant=TENANT, object_id="ann", app_id="portal", kind=PrincipalKind.USER, name="ann@lab", expires=0.0
)


async def write(
    store: Store, count: int, *, now: datetime = NOON, principal: Any = ANN, start: int = 0
) -> None:
    for number in range(start, start + count):
        async with store.write() as tx:
            await store.activity.add(
                tx,
                now=now + timedelta(seconds=number),
                principal=principal,
                resource=VM,
                action="Microsoft.Compute/virtualMachines/start/action",
                status="Succeeded",
                correlation_id=f"c{number}",
                properties={"n": number, "said": "ü\0\ud7ff", "more": [1.5, None, {"b": 1, "a": 2}]},
                client_address="192.0.2.1",
                role="Owner\0",
            )


def sealer(store: Store) -> Sealer:
    return Sealer(store, AuditKeys(store))


async def verify(store: Store, tenant: str = TENANT, *, since: str | None = None) -> Report:
    """As a client does: from the text, with the public keys."""
    keys = AuditKeys(store)
    async with store.write() as tx:
        await keys.signing(tx, NOON)
        public = {each.kid: chain.public_key(each.jwk) for each in await keys.all(tx, NOON)}
    verifier = Verifier(public)
    async for line in Exporter(store, keys).told(tenant, since=since):
        verifier.feed(lines.read(line))
    return verifier.report()


async def tamper(store: Store, statement: sa.Executable) -> None:
    async with store.write() as tx:
        assert await tx.change(statement) > 0, "the test's own statement touched nothing"


async def test_what_was_written_is_complete(store: Store) -> None:
    await write(store, 5)
    await write(store, 3, now=NOON + DAY)
    await sealer(store).seal(NOON + DAY + timedelta(hours=1), closed=True)
    report = await verify(store)
    assert report.complete, report.problems
    [node] = report.nodes
    assert (node.node, node.records, node.unsigned, node.closed) == ("local", 8, 0, True)
    assert (node.first_day, node.last_day) == ("2026-03-04", "2026-03-05")
    assert report.since == "2026-03-04T12:00:00.123456Z"
    assert (await verify(store, since="2026-03-05")).complete


async def test_long_days_are_read_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outofband.audit.export.PAGE", 3)
    await write(store, 10)
    await sealer(store).seal(NOON)
    report = await verify(store)
    assert report.complete and report.records == 10


COLUMNS = [
    column.name for column in tables.activity.c if column.name not in ("sequence", "node", "day", "number")
]


async def test_every_column_that_is_changed_shows(store: Store) -> None:
    await write(store, 3)
    await sealer(store).seal(NOON)
    table = tables.activity
    mine = table.c.number == 2
    async with store.read() as tx:
        [before] = await tx.fetch(sa.select(table).where(mine))
    for name in COLUMNS:
        value = before._mapping[name]
        other: Any = "00" * 32 if name == "link" else {"n": 9} if name == "properties" else "other"
        if isinstance(value, datetime):
            other = value + timedelta(microseconds=1)
        await tamper(store, sa.update(table).where(mine).values({name: other}))
        report = await verify(store)
        assert [(each.what, each.first) for each in report.problems][:1] == [(What.CHANGED, 2)], name
        await tamper(store, sa.update(table).where(mine).values({name: value}))
    assert (await verify(store)).complete
    for name, other in (("node", "n9"), ("day", "2026-03-03"), ("number", 7)):
        await tamper(store, sa.update(table).where(mine).values({name: other}))
        assert not (await verify(store)).complete, name
        await tamper(
            store, sa.update(table).where(table.c.id == before.id).values({name: before._mapping[name]})
        )


@pytest.mark.parametrize(
    ("gone", "first", "last"), [((1,), 1, 1), ((1, 2), 1, 2), ((3,), 3, 3), ((5,), 5, 5), ((4, 5), 4, 5)]
)
async def test_removed_records_are_named(store: Store, gone: tuple[int, ...], first: int, last: int) -> None:
    await write(store, 5)
    await sealer(store).seal(NOON)
    await tamper(store, sa.delete(tables.activity).where(tables.activity.c.number.in_(gone)))
    [problem] = (await verify(store)).problems
    assert (problem.what, problem.node, problem.day) == (What.MISSING, "local", "2026-03-04")
    assert (problem.first, problem.last) == (first, last)


async def test_a_removed_day_shows_even_with_its_head(store: Store) -> None:
    for days in range(3):
        await write(store, 2, now=NOON + days * DAY)
    await sealer(store).seal(NOON + 2 * DAY)
    for table in (tables.activity, audit_chains, audit_checkpoints):
        async with store.write() as tx:
            await tx.change(sa.delete(table).where(table.c.day == "2026-03-05"))
    assert [each.what for each in (await verify(store)).problems] == [What.MISSING]


async def test_a_log_taken_back_while_its_node_runs_shows(store: Store) -> None:
    """A thief without the key removes the tail, and every word on it, and writes the head as it was."""
    running = sealer(store)
    await write(store, 3)
    await running.seal(NOON)
    async with store.read() as tx:
        early = await store.audit.head(tx, "local", "2026-03-04")
    assert early is not None
    await write(store, 2, start=3)
    await running.seal(NOON + timedelta(seconds=20))
    await tamper(store, sa.delete(tables.activity).where(tables.activity.c.number > 3))
    await tamper(store, sa.delete(audit_checkpoints).where(audit_checkpoints.c.count > 3))
    await tamper(store, sa.update(audit_chains).values(count=3, link=early.link))
    assert (await verify(store)).complete, "so far it is as it was once, and ends earlier"
    await running.seal(NOON + timedelta(seconds=40))
    [problem] = (await verify(store)).problems
    assert (problem.what, problem.first, problem.last) == (What.MISSING, 4, 5)


@pytest.mark.parametrize("rewritten", [0, 2, 4, 6])
async def test_a_log_rewritten_while_no_node_runs_shows(store: Store, tmp_path: Path, rewritten: int) -> None:
    """A thief without a key writes another story and removes every signed word, or removes the whole chain.
    The node's own file remembers.
    """
    memory = tmp_path / "control" / "signed.json"
    await write(store, 4)
    await Sealer(store, AuditKeys(store), memory).seal(NOON, closed=True)
    for table in (tables.activity, audit_checkpoints, audit_chains):
        await tamper(store, sa.delete(table))
    await write(store, rewritten, start=40)
    await Sealer(store, AuditKeys(store), memory).seal(NOON + timedelta(seconds=40))
    report = await verify(store)
    assert {each.day for each in report.problems} == {"2026-03-04"}
    expected = {0: {What.HEAD, What.MISSING}, 2: {What.MISSING}}.get(rewritten, {What.CHANGED})
    assert {each.what for each in report.problems} == expected


async def test_the_word_of_another_database_is_nobodys(store: Store, tmp_path: Path) -> None:
    memory = tmp_path / "signed.json"
    await write(store, 2)
    await Sealer(store, AuditKeys(store), memory).seal(NOON)
    word = msgspec.json.decode(memory.read_bytes())
    for other in (word | {"node": "elsewhere"}, word | {"count": 9}, word | {"kid": "unknown"}, "torn"):
        memory.write_bytes(msgspec.json.encode(other))
        await Sealer(store, AuditKeys(store), memory).seal(NOON + timedelta(seconds=20))
        assert (await verify(store)).complete


async def test_a_quiet_log_is_signed_again_after_a_while(store: Store) -> None:
    running = sealer(store)
    await write(store, 1)
    for seconds, signed in ((0, 0), (60, 0), (IDLE.total_seconds() + 1, IDLE.total_seconds() + 1)):
        await running.seal(NOON + timedelta(seconds=seconds), idle=IDLE)
        [node] = (await verify(store)).nodes
        assert node.signed_at == (NOON + timedelta(seconds=signed)).isoformat().replace("+00:00", "Z")


async def test_somebody_elses_key_is_none_of_ours(store: Store) -> None:
    """Who writes rows can put in a key, but cannot seal it with the master key."""
    await write(store, 2)
    await sealer(store).seal(NOON)
    thief = OKPKey.generate_key("Ed25519")
    raw = msgspec.json.encode(thief.as_dict(private=True))
    for wrap in ("none", store.vault.name):
        row = StoredKey(
            kid=f"thief-{wrap}",
            use=USE,
            algorithm="Ed25519",
            public=public_of(thief),
            private=raw,
            wrap=wrap,
            created=NOON,
            active_from=NOON + DAY,
            retired=None,
            expires=None,
        )
        async with store.write() as tx:
            await store.keyring.add(tx, row)
    await tamper(store, sa.delete(tables.activity).where(tables.activity.c.number == 2))
    async with store.read() as tx:
        [word] = await store.audit.words(tx, "local", "2026-03-04")
    private = thief.private_key
    assert isinstance(private, Ed25519PrivateKey)
    forged = chain.sign(msgspec.structs.replace(word, count=1, kid="thief-none"), private)
    await tamper(store, sa.delete(audit_checkpoints))
    async with store.write() as tx:
        await store.audit.sign(tx, forged, NOON)
    report = await verify(store)
    assert {each.what for each in report.problems} == {What.SIGNATURE, What.MISSING}


async def test_old_days_go_with_a_signed_word(store: Store) -> None:
    for days in range(4):
        await write(store, 2, now=NOON + days * DAY)
    now = NOON + 12 * DAY
    await write(store, 1, now=now)
    await sealer(store).seal(now)
    keys = AuditKeys(store)
    assert await Retention(store, keys, 10).run(now) == 4
    assert await Retention(store, keys, 10).run(now) == 0
    report = await verify(store)
    assert report.complete, report.problems
    assert (report.nodes[0].records, report.nodes[0].pruned) == (9, 4)
    async with store.write() as tx:
        await tx.change(sa.update(audit_chains).values(pruned=None))
    assert {(each.what, each.day) for each in (await verify(store)).problems} == {
        (What.MISSING, "2026-03-04"),
        (What.MISSING, "2026-03-05"),
    }


async def test_the_newest_day_stays_whatever_its_age(store: Store) -> None:
    await write(store, 2)
    await sealer(store).seal(NOON)
    assert await Retention(store, AuditKeys(store), 1).run(NOON + 9 * DAY) == 0
    await write(store, 1, now=NOON + 9 * DAY)
    assert (await verify(store)).complete


async def test_a_day_that_was_cut_is_not_pruned(store: Store) -> None:
    await write(store, 4)
    await sealer(store).seal(NOON)
    await write(store, 1, now=NOON + 9 * DAY)
    await tamper(store, sa.update(audit_chains).where(audit_chains.c.day == "2026-03-04").values(count=3))
    assert await Retention(store, AuditKeys(store), 1).run(NOON + 9 * DAY) == 0


@pytest.mark.parametrize(
    "hand",
    [
        sa.update(tables.activity).where(tables.activity.c.number == 2).values(caller="nobody"),
        sa.delete(tables.activity).where(tables.activity.c.number == 3),
        sa.update(audit_chains).where(audit_chains.c.day == "2026-03-04").values(link="00" * 32),
    ],
)
async def test_a_day_that_was_changed_is_not_pruned(store: Store, hand: sa.Executable) -> None:
    """Removed, what was changed in it could never be seen, and our own word would stand in its place."""
    await write(store, 4)
    await sealer(store).seal(NOON)
    await write(store, 1, now=NOON + 9 * DAY)
    await tamper(store, hand)
    assert await Retention(store, AuditKeys(store), 1).run(NOON + 9 * DAY) == 0
    assert not (await verify(store)).complete


async def test_a_clock_set_back_goes_on_with_the_newest_day(store: Store) -> None:
    await write(store, 1, now=NOON + DAY)
    await write(store, 2)
    await sealer(store).seal(NOON)
    report = await verify(store)
    assert report.complete and report.nodes[0].first_day == report.nodes[0].last_day == "2026-03-05"


async def test_other_tenants_records_are_told_by_digest(store: Store) -> None:
    other = Principal(
        tenant="other", object_id="bob", app_id="x", kind=PrincipalKind.USER, name="bob@far", expires=0.0
    )
    await write(store, 2)
    await write(store, 2, principal=other, start=2)
    await sealer(store).seal(NOON)
    told = [line async for line in Exporter(store, AuditKeys(store)).told(TENANT)]
    assert not any(b"bob" in line for line in told)
    report = await verify(store)
    assert report.complete and report.records == 4
    assert (await verify(store, "other")).complete
    mine = (tables.activity.c.number == 4, {"caller": "ann@lab"})
    await tamper(store, sa.update(tables.activity).where(mine[0]).values(mine[1]))
    assert not (await verify(store)).complete, "a change of what one may not read shows as well"


async def test_rows_from_before_are_counted_and_rows_put_in_show(store: Store) -> None:
    await write(store, 2)
    unchained = {"node": None, "day": None, "number": None, "link": None}
    await tamper(store, sa.update(tables.activity).values(unchained))
    await tamper(store, sa.delete(audit_chains))
    await write(store, 2, start=2)
    await sealer(store).seal(NOON)
    report = await verify(store)
    assert report.complete and report.older == 2
    async with store.read() as tx:
        [row] = await tx.fetch(sa.select(tables.activity).where(tables.activity.c.number == 1))
    slipped = {**row._mapping, **unchained, "id": "slipped", "sequence": 99}
    await tamper(store, sa.insert(tables.activity).values(slipped))
    [problem] = (await verify(store)).problems
    assert problem.what is What.ADDED and "slipped" in problem.detail


async def test_a_unit_that_is_undone_leaves_no_link(store: Store) -> None:
    await write(store, 1)
    with pytest.raises(RuntimeError):
        async with store.write() as tx:
            await store.activity.add(
                tx,
                now=NOON,
                principal=ANN,
                resource=ResourceId(),
                action="a",
                status="Started",
                correlation_id="c",
            )
            raise RuntimeError
    await write(store, 1, start=1)
    report = await verify(store)
    assert report.complete and report.records == 2 and report.nodes[0].unsigned == 2


@pytest.mark.peers
async def test_nodes_have_chains_of_their_own(cluster: Any) -> None:
    url = cluster.create()
    nodes = [await Store.open(url, TEST_KEYS, node=f"n{number}") for number in range(3)]
    try:
        await asyncio.gather(*(write(each, 20) for each in nodes))
        await asyncio.gather(*(sealer(each).seal(NOON) for each in nodes))
        report = await verify(nodes[0])
        assert report.complete, report.problems
        assert [(each.node, each.records, each.unsigned) for each in report.nodes] == [
            ("n0", 20, 0),
            ("n1", 20, 0),
            ("n2", 20, 0),
        ]
        # What a dead node left unsigned another one signs.
        await write(nodes[2], 1, start=20)
        await sealer(nodes[0]).seal(NOON + timedelta(seconds=50))
        assert (await verify(nodes[0])).nodes[2].unsigned == 1
        await sealer(nodes[0]).seal(NOON + timedelta(seconds=90))
        assert (await verify(nodes[0])).nodes[2].unsigned == 0
    finally:
        for each in nodes:
            await each.close()


_WRITER = """
import asyncio, sys
from outofband.net import logs
from tests.support.database import open_store
from tests.unit.store.test_audit_chain import NOON, sealer, write

async def main() -> None:
    store = await open_store(sys.argv[1])
    signing, number = sealer(store), int(sys.argv[2])
    while True:
        await write(store, 1, start=number)
        print(number, flush=True)
        number += 1
        if number % 5 == 0:
            await signing.seal(NOON)

with logs.quiet():
    asyncio.run(main())
"""


@pytest.fixture
def killed(store_url: str) -> Iterator[int]:
    """How many rows processes told of that were killed (-9) in the middle of writing."""
    told = -1
    for _ in range(3):
        command = [sys.executable, "-c", _WRITER, store_url, str(told + 1)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ}
        ) as writer:
            assert writer.stdout is not None
            for _ in range(8):
                told = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                told = int(line) if line.endswith("\n") else told
    yield told + 1


async def test_nothing_is_lost_or_broken_by_kills(killed: int, store_url: str) -> None:
    store = await Store.open(store_url, TEST_KEYS)
    try:
        await sealer(store).seal(NOON)
        report = await verify(store)
        assert report.complete, report.problems
        # Written, and killed before it could say so: at most one more each time.
        assert killed <= report.records <= killed + 3
    finally:
        await store.close()
