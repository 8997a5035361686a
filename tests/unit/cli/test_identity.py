"""`oob identity` on a whole control plane: people come and go, and an administrator gets back in."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click
import pytest
from starlette.responses import JSONResponse

from outofband.access import roles
from outofband.cli.identity import complete_role, complete_user, identity
from outofband.client import background
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.identity.owners import Owners
from outofband.server import recovery
from outofband.store.people import User
from tests.support.cloud import SCOPE, TENANT, Cloud
from tests.unit.cli.verbs import Oob, within
from tests.unit.client.far import Far, refusal

pytestmark = pytest.mark.anyio
PASSWORD = re.compile(r"^password +([a-z2-9]{5}(?:-[a-z2-9]{5}){3})$", re.MULTILINE)


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


async def user(cloud: Cloud, name: str) -> User | None:
    async with cloud.store.read() as tx:
        return await cloud.store.people.by_name(tx, f"{name}@lab.example")


async def admin(cloud: Cloud) -> User:
    """An `admin` as the first start makes it."""
    password = await cloud.directory.password(None, "admin@lab.example")
    async with cloud.store.write() as tx:
        made = await cloud.directory.add(
            tx,
            TENANT,
            name="admin@lab.example",
            display_name="Administrator",
            disabled=False,
            password=password,
            now=clock.now(),
        )
        await Owners(cloud.store, roles.OWNER).give(tx, made, by="test", now=made.created)
    return made


async def matches(cloud: Cloud, name: str, password: str) -> bool:
    found = await user(cloud, name)
    assert found is not None
    return await cloud.authority.passwords.matches(password, found.password_hash)


async def test_people_come_and_go(oob: Oob, cloud: Cloud) -> None:
    assert (await oob("identity user list"))[1] == "There are no people.\n"
    out, err = await oob("identity user add ada --name Ada")
    found = PASSWORD.search(out)
    assert found is not None, out
    assert await matches(cloud, "ada", found[1])
    assert "shown this once" in err
    assert "no role yet" in err
    out, _ = await oob("identity user list")
    assert [line.split()[:3] for line in out.splitlines()] == [
        ["NAME", "SHOWN", "AS"],
        ["ada@lab.example", "Ada", "yes"],
    ]
    assert await oob.json("identity user disable ada") == {"user": "ada", "enabled": False}
    [listed] = await oob.json("identity user list")
    assert listed["accountEnabled"] is False
    assert (await oob("identity user enable ADA@lab.example"))[0] == "ADA@lab.example is enabled.\n"
    reset = await oob.json("identity user reset-password ada")
    assert await matches(cloud, "ada", reset["password"])
    assert await oob.json("identity user remove ada --yes") == {"user": "ada", "removed": True}
    assert (await oob.json("identity user remove ada --yes", 3))["code"] == "UserNotFound"
    for odd in ("a?b", "a%20b", "o'x", "é"):
        assert (await oob.json(f"identity user disable {odd}", 3))["code"] == "UserNotFound", odd


async def test_a_role_with_the_account(oob: Oob, cloud: Cloud) -> None:
    made = await oob.json("identity user add ada --role reader")
    async with cloud.store.read() as tx:
        [given] = await cloud.store.assignments.of_principals(tx, [made["id"]])
    assert (given.role_id, given.scope, given.principal_type) == (roles.READER, SCOPE, "User")
    _, err = await oob(f"identity user add bob --role {roles.OWNER} --scope /")
    assert f"Role: {roles.OWNER} on /." in err
    bob = await user(cloud, "bob")
    assert bob is not None
    async with cloud.store.read() as tx:
        assert await Owners(cloud.store, roles.OWNER).of(tx, TENANT) == {bob.object_id}
    said = await oob.json("identity user add cid --role Rider", 3)
    assert said["code"] == "RoleUnknown"
    assert "Reader" in said["message"]
    assert await user(cloud, "cid") is None


async def test_a_role_that_cannot_be_given_hides_no_password(far: Far, tmp_path: Path) -> None:
    """Made is made: who made the account has to see its password, whatever comes after."""
    reader = {"id": "/r/reader", "name": "guid", "properties": {"roleName": "Reader"}}
    made = {"id": "o", "userPrincipalName": "ada@x", "passwordProfile": {"password": "a-b-c"}}
    far.answers += [
        JSONResponse({"value": [reader]}),
        JSONResponse(made, status_code=201),
        refusal(Fault("StoreBusy")),
    ]
    words = ["identity", "user", "add", "ada", "--role", "Reader", "--state", str(tmp_path / "state")]
    code, out, err = await background.call(within, words)
    assert code == 6
    assert "a-b-c" in out
    assert "no role yet" in err
    assert "error (StoreBusy)" in err


async def test_who_may_not(cloud: Cloud, tmp_path: Path) -> None:
    oob = Oob(cloud.owner, tmp_path / "other")
    assert await oob.json("identity user list") == []
    for line in ("add x", "disable x", "remove x --yes", "reset-password x"):
        assert (await oob.json(f"identity user {line}", 4))["code"] == "AuthorizationFailed"


async def test_recovery_while_the_control_plane_runs(oob: Oob, cloud: Cloud) -> None:
    made = await admin(cloud)
    write_private(oob.state.first_password, "old\n")
    async with cloud.store.write() as tx:
        await cloud.store.people.set_disabled(tx, made.object_id, True)
    out, err = await oob("identity recover")
    found = PASSWORD.search(out)
    assert found is not None, out
    assert "user name  admin@lab.example" in out
    assert "It was disabled; it is enabled again." in err
    assert await matches(cloud, "admin", found[1])
    assert not oob.state.first_password.exists()
    again = await user(cloud, "admin")
    assert again is not None
    assert (again.disabled, again.must_change) == (False, True)
    # And the control plane goes on: it reads, and it writes.
    assert await oob.json("identity user disable admin", 5)
    await oob("identity user add ada")
    assert (await oob.json("identity recover --user nobody", 3))["code"] == "UserNotFound"


async def test_recovery_while_it_does_not(oob: Oob, cloud: Cloud) -> None:
    await admin(cloud)
    await cloud.stop()
    done = await oob.json("identity recover --user admin")
    assert done["name"] == "admin@lab.example"
    await cloud.start()
    assert await matches(cloud, "admin", done["password"])
    folder = oob.state.control
    assert stat.S_IMODE((folder / "control.db").stat().st_mode) == 0o600


async def test_recovery_is_for_the_owner_of_the_state(
    oob: Oob, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery.os, "geteuid", lambda: os.getuid() + 4711)
    said = await oob.json("identity recover", 8)
    assert said["code"] == "NotTheOwner"
    assert f"oob identity recover --state {oob.state.root}" in said["remedy"][0]


async def test_names_on_tab(oob: Oob, cloud: Cloud) -> None:
    for name in ("ada", "adam", "bob"):
        await oob(f"identity user add {name}")

    context = click.Context(identity)
    context.params = {"state": oob.state}

    def names(complete: Callable[..., list[str]], begun: str) -> list[str]:
        return complete(context, None, begun)

    assert await background.call(names, complete_user, "AD") == ["ada@lab.example", "adam@lab.example"]
    assert len(await background.call(names, complete_user, "")) == 3
    assert await background.call(names, complete_user, "o'x") == []
    assert await background.call(names, complete_role, "virtual machine c") == ["Virtual Machine Contributor"]
    await cloud.stop()
    assert await background.call(names, complete_user, "a") == []
    await cloud.start()
