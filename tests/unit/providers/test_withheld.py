"""What is protected of a run: sealed while it runs, and gone when it is over, whatever becomes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from outofband.core import clock
from outofband.store import tables
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
SECRET = "kelp-otter-42"
SCRIPT = f"{vm_id('demo')}/runCommands/first"
EXTENSION = f"{vm_id('demo')}/extensions/first"
CUSTOM = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
ACCESS = {
    "publisher": "Microsoft.Compute",
    "type": "VMAccessAgent",
    "typeHandlerVersion": "2.4",
    "settings": {"UserName": "admin"},
}
EXTENSION_BODY = {**CUSTOM, "settings": {}, "protectedSettings": {"commandToExecute": f"x {SECRET}"}}
SCRIPT_BODY = {
    "source": {"script": "login"},
    "protectedParameters": [{"name": "password", "value": SECRET}],
}
PASSWORD_BODY = {**ACCESS, "protectedSettings": {"Password": SECRET}}
EACH = pytest.mark.parametrize(
    ("path", "verb", "properties"),
    [
        (SCRIPT, "vm.run", SCRIPT_BODY),
        (EXTENSION, "vm.run", EXTENSION_BODY),
        (EXTENSION, "vm.set-password", PASSWORD_BODY),
    ],
    ids=["script", "extension", "password"],
)


async def everything(cloud: Cloud) -> str:
    """All of the database as text."""
    found = []
    async with cloud.store.read() as tx:
        for table in tables.metadata.sorted_tables:
            found += [repr(tuple(row)) for row in await tx.fetch(sa.select(table))]
    return "\n".join(found)


async def kept(cloud: Cloud) -> int:
    async with cloud.store.read() as tx:
        return int(await tx.value(sa.select(sa.func.count()).select_from(tables.withheld)))


async def begun(cloud: Cloud, host: Host, path: str, verb: str, properties: dict[str, Any]) -> Any:
    """A run that the host has begun and does not end."""
    await cloud.owner.create_vm("demo")
    host.deaf.add(verb)
    answer = await cloud.owner.ask("PUT", path, {"location": "local", "properties": properties})
    assert answer.status_code == 201, answer.text
    await until(lambda: any(each.verb == verb for each in host.peer.commands))
    return answer


@EACH
async def test_while_it_runs_nothing_lies_in_clear(
    cloud: Cloud, host: Host, path: str, verb: str, properties: dict[str, Any]
) -> None:
    await begun(cloud, host, path, verb, properties)
    sent = host.peer.commands[-1]
    assert SECRET in str(sent.args["protected"])
    assert await kept(cloud) == 2, "of the run and of the command"
    assert sent.key in await everything(cloud)
    assert SECRET not in await everything(cloud)
    file = cloud.folder / "control.db"
    raw = b"".join(each.read_bytes() for each in file.parent.glob("control.db*"))
    assert sent.key.encode() in raw
    assert SECRET.encode() not in raw


@EACH
async def test_the_end_takes_it(
    cloud: Cloud, host: Host, path: str, verb: str, properties: dict[str, Any]
) -> None:
    answer = await begun(cloud, host, path, verb, properties)
    where = answer.headers["azure-asyncoperation"].replace("?", "/cancel?")
    assert (await cloud.owner.ask("POST", where, version=None)).status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Canceled"
    assert await kept(cloud) == 0


async def test_a_link_that_comes_back_is_sent_all_of_it(cloud: Cloud, host: Host) -> None:
    await begun(cloud, host, SCRIPT, "vm.run", SCRIPT_BODY)
    first = host.peer.commands[-1]
    await host.peer.kill()
    await host.peer.connect()
    await host.report()
    await until(lambda: [each.key for each in host.peer.commands].count(first.key) == 2)
    assert SECRET in str(first.args)
    assert host.peer.commands[-1].args == first.args


async def test_what_nobody_came_for_is_forgotten(cloud: Cloud, host: Host) -> None:
    await begun(cloud, host, SCRIPT, "vm.run", SCRIPT_BODY)
    async with cloud.store.write() as tx:
        assert await cloud.store.withheld.prune(tx, clock.now() - timedelta(days=1)) == 0
        assert await cloud.store.withheld.prune(tx, clock.now() + timedelta(seconds=1)) == 2
