"""The first start, the second, and the ones after somebody changed things."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import pytest

from outofband.identity import bootstrap
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.store.store import Store
from tests.unit.identity.conftest import OWNER, VISITOR, Started

pytestmark = pytest.mark.anyio


async def test_the_second_start_finds_everything(started: Started, now: datetime, tmp_path: Path) -> None:
    store, first = started.store, started.first
    again = await bootstrap.ensure(store, tmp_path / "secret", owner_role=OWNER, now=now)
    assert again == first
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    async with store.read() as tx:
        assert len(await store.directory.tenants(tx)) == 1
        assert len(await store.principals.secrets(tx, first.object_id)) == 1
        [assignment] = await store.assignments.of_principals(tx, [first.object_id])
        groups = await store.resources.page(tx, type="Microsoft.Resources/resourceGroups")
    assert (assignment.scope, assignment.role_id) == ("/", OWNER)
    assert [each.id for each in groups.items] == [
        f"/subscriptions/{first.subscription_id}/resourceGroups/demo"
    ]


@pytest.mark.parametrize("content", [None, "", "short\n", "é" * 43])
async def test_a_lost_secret_is_replaced_and_the_old_one_dies(
    started: Started, now: datetime, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "secret"
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert await bootstrap.ensure(started.store, file, owner_role=OWNER, now=now) == started.first
    fresh = file.read_text().strip()
    assert fresh not in (content, started.secret)
    issue, tenant = started.authority.issue_token, started.first.tenant_id
    assert isinstance(
        await issue(started.form(client_secret=fresh), tenant, now=now, visitor=VISITOR), TokenResponse
    )
    assert isinstance(await issue(started.form(), tenant, now=now, visitor=VISITOR), OAuthFault)


async def test_a_kill_between_file_and_row_is_put_right(store: Store, now: datetime, tmp_path: Path) -> None:
    kept = bootstrap._secret(tmp_path / "secret")
    first = await bootstrap.ensure(store, tmp_path / "secret", owner_role=OWNER, now=now)
    async with store.read() as tx:
        [row] = await store.principals.secrets(tx, first.object_id)
    assert row.matches(kept)


async def test_a_right_taken_away_stays_away(started: Started, now: datetime, tmp_path: Path) -> None:
    store, first = started.store, started.first
    async with store.write() as tx:
        [assignment] = await store.assignments.of_principals(tx, [first.object_id])
        assert await store.assignments.remove(tx, assignment.tenant_id, assignment.scope, assignment.name)
        await store.resources.delete(tx, f"/subscriptions/{first.subscription_id}/resourceGroups/demo")
    await bootstrap.ensure(store, tmp_path / "secret", owner_role=OWNER, now=now)
    async with store.read() as tx:
        assert await store.assignments.of_principals(tx, [first.object_id]) == []
        assert not (await store.resources.page(tx, type="Microsoft.Resources/resourceGroups")).items
