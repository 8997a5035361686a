"""`oob identity session`, `policy` and the factors of people, on a whole control plane."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from outofband.access import roles
from outofband.cli.identity_access import complete_session, session
from outofband.client import background
from outofband.core import clock
from outofband.identity import totp
from outofband.server import recovery
from outofband.store.people import User
from tests.support.cloud import SCOPE, TENANT, Cloud
from tests.support.users import add_user
from tests.unit.cli.verbs import Oob, within

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """Its store lies where that of the state directory `tmp_path / "state"` does."""
    folder = tmp_path / "state" / "control"
    folder.mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    async with Cloud(folder) as running:
        yield running


@pytest.fixture
async def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    boss = await cloud.person("boss", roles.OWNER, "/")
    await cloud.assign(boss, roles.OWNER, SCOPE)
    return Oob(boss, tmp_path / "state")


@pytest.fixture
async def ada(cloud: Cloud) -> User:
    return await add_user(cloud.store, TENANT, "ada@lab.example", role=roles.OWNER)


async def signed_in(cloud: Cloud, user: User) -> str:
    async with cloud.store.write() as tx:
        session, _ = await cloud.store.sign_ins.start(
            tx,
            user.object_id,
            address="192.0.2.7",
            agent="Firefox",
            now=clock.now(),
            life=timedelta(hours=1),
            methods="pwd otp mfa",
        )
    return session.id


async def with_factor(cloud: Cloud, user: User) -> None:
    now, vault = clock.now(), cloud.store.vault
    async with cloud.store.write() as tx:
        sealed = vault.seal(totp.make(), f"totp:{user.object_id}")
        factor = await cloud.store.factors.offer_totp(
            tx, user.object_id, "Phone", sealed, wrap=vault.name, now=now
        )
        await cloud.store.factors.confirm(tx, factor, step=1, now=now)
        await cloud.store.recovery_codes.replace(tx, user.object_id, ["a" * 16], now)


async def test_what_the_tenant_requires(oob: Oob, cloud: Cloud) -> None:
    out, _ = await oob("identity policy show")
    assert "not required" in out and "never" in out
    out, _ = await oob("identity policy set --require-mfa")
    assert " required" in out and "boss" in out
    told = json.loads((await oob("identity policy show -o json"))[0])
    assert told["requireMfa"] is True and told["changedBy"] == "boss"
    await oob("identity policy set --no-require-mfa")
    async with cloud.store.read() as tx:
        assert not (await cloud.store.sign_in_policies.get(tx, TENANT)).require_mfa
    _, err = await oob("identity policy set", code=2)
    assert "--require-mfa" in err


async def test_sign_ins_are_listed_and_ended(oob: Oob, cloud: Cloud, ada: User) -> None:
    first, second = await signed_in(cloud, ada), await signed_in(cloud, ada)
    out, _ = await oob("identity session list --user ada")
    assert first in out and "192.0.2.7" in out and "pwd+otp+mfa" in out and "browser" in out
    out, _ = await oob(f"identity session revoke --user ada {first}")
    assert "has ended" in out
    left = json.loads((await oob("identity session list --user ada -o json"))[0])
    assert [each["id"] for each in left] == [second]
    _, err = await oob(f"identity session revoke --user ada {first}", code=3)
    assert "SessionNotFound" in err
    await oob("identity session revoke --user ada --all")
    assert (await oob("identity session list --user ada"))[1] == "There are no sign-ins.\n"
    for line in ("", "--all --others", "--others --user ada", f"{first} --all"):
        await oob(f"identity session revoke {line}", code=2)


async def test_lost_factors_are_removed(oob: Oob, cloud: Cloud, ada: User) -> None:
    await with_factor(cloud, ada)
    session = await signed_in(cloud, ada)
    out, err = await oob("identity user factors ada")
    assert "Phone" in out and "totp" in out and "codes left: 1" in out + err
    await oob("identity user reset-factors ada --reason lost")
    assert "no second factor" in (await oob("identity user factors ada"))[1]
    async with cloud.store.read() as tx:
        assert (await cloud.store.sign_ins.not_ended(tx, {session})) == {}
        assert await cloud.store.recovery_codes.left(tx, ada.object_id) == 0


async def test_the_host_clears_factors_when_asked_to(
    cloud: Cloud, oob: Oob, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner who lost phone and codes gets in again, with the flag and not without."""
    await with_factor(cloud, ada)
    state = str(oob.state.root)
    monkeypatch.setattr(recovery, "require_owner", lambda _: None)
    code, out, _ = await asyncio.to_thread(
        within, ["identity", "recover", "--user", "ada", "--state", state, "-o", "json"]
    )
    assert code == 0 and json.loads(out)["factors"] == 0
    async with cloud.store.read() as tx:
        assert len(await cloud.store.factors.of_user(tx, ada.object_id)) == 1
    words = ["identity", "recover", "--user", "ada", "--clear-factors", "--state", state]
    code, out, err = await asyncio.to_thread(within, words)
    assert code == 0 and "second factors were removed: 1" in out + err
    async with cloud.store.read() as tx:
        assert await cloud.store.factors.of_user(tx, ada.object_id) == []
        row = (await cloud.store.activity.page(tx)).items[0]
    assert row.properties["removedFactors"] == 1


async def test_ids_of_sign_ins_complete(oob: Oob, cloud: Cloud, ada: User) -> None:
    found = await signed_in(cloud, ada)
    command = session.commands["revoke"]
    with command.make_context(
        "revoke", ["--user", "ada", "--state", str(oob.state.root)], resilient_parsing=True
    ) as ctx:
        assert await background.call(complete_session, ctx, command.params[0], found[:4]) == [found]
        assert await background.call(complete_session, ctx, command.params[0], "zz") == []
