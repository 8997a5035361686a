"""Where disks are on their way: an account that the control plane keeps for it, a container for each move.

Nobody's roles reach that account: a disk is everything its VM knows. The two hosts of a move are given a
signature for its container alone, and when the move is over the container is gone.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.storage.accounts import MANAGED_TYPE, SEALED, Account
from outofband.storage.rows import new_etag
from outofband.storage.service import Storage
from outofband.store.blobs_containers import Container
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage import sas
from outofband.wire.storage.sas import Sas

LIFE = timedelta(hours=24)
"""How long a signature is good: a transfer that takes longer fails."""
ABANDONED = timedelta(days=2)
"""After which the container of a move that nobody ended goes."""
SKEW = timedelta(minutes=5)
VERSION = "2022-11-02"
PREFIX = "move-"
_BY = "system:moves"
_TRIES = 8
_MANY = 1000

log = structlog.get_logger(__name__)


class MovePlaces:
    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    async def ensure(self, subscription: str, move: str) -> Account:
        """The account, with the container of a move in it. Removes what was abandoned there."""
        async with self._store.write() as tx:
            account = await self._account(tx, subscription) or await self._make(tx, subscription)
            now = clock.now()
            for each in await self._store.containers.page(
                tx, account.uid, prefix=PREFIX, start="", limit=_MANY
            ):
                if now - each.created > ABANDONED:
                    await self._store.containers.delete(tx, each.id, now)
            await self._store.containers.add(
                tx,
                Container(
                    id=uuid.uuid4().hex,
                    account=account.uid,
                    name=container_of(move),
                    public="",
                    metadata={},
                    policies=[],
                    lease=None,
                    etag=new_etag(),
                    created=now,
                    modified=now,
                ),
            )
        return account

    async def remove(self, subscription: str, move: str) -> None:
        async with self._store.write() as tx:
            await self.discard(tx, subscription, move)

    async def discard(self, tx: Tx, subscription: str, move: str) -> None:
        """Remove the container of a move."""
        account = await self._account(tx, subscription)
        if account is None:
            return
        there = await self._store.containers.get(tx, account.uid, container_of(move))
        if there is not None:
            await self._store.containers.delete(tx, there.id, clock.now())

    async def _account(self, tx: Tx, subscription: str) -> Account | None:
        row = await self._store.resources.get(tx, account_id(subscription))
        return await self._storage.accounts.of(tx, row) if row is not None else None

    async def _make(self, tx: Tx, subscription: str) -> Account:
        owner = await self._store.directory.require_subscription(tx, subscription)
        now = clock.now()
        row, _ = await self._store.resources.put(
            tx,
            parse_id(account_id(subscription)),
            now=now,
            by=_BY,
            properties={"supportsHttpsTrafficOnly": True, "allowBlobPublicAccess": False, SEALED: True},
        )
        for _ in range(_TRIES):
            name = f"oobmove{secrets.token_hex(8)}"
            if await self._storage.accounts.create(tx, row.uid, name, owner.tenant_id, now):
                made = await self._storage.accounts.of(tx, row)
                assert made is not None, "it was just made"
                log.info("moves.account_made", subscription=subscription, account=name)
                return made
        raise Fault("InternalError")


def signature(account: Account, move: str, permissions: str) -> str:
    """The query that opens the container of a move."""
    now, container = clock.now(), container_of(move)
    signed = Sas(
        sv=VERSION,
        sr="c",
        sp=permissions,
        st=sas.written(now - SKEW),
        se=sas.written(now + LIFE),
        spr="https",
        sig="",
    ).signed(account.name, f"/{container}", account.keys[0].raw)
    return urlencode(signed.query())


def account_id(subscription: str) -> str:
    return f"/subscriptions/{subscription}/providers/{MANAGED_TYPE}/moves"


def container_of(move: str) -> str:
    return f"{PREFIX}{move}"
