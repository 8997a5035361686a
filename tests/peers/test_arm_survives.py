"""kill -9 of the control plane at every commit of a group's deletion and of a cancellation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.cloud import SCOPE, Host
from tests.support.mortal import Keeper
from tests.support.postgres import Cluster, binaries

pytestmark = pytest.mark.anyio
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)]
MOST_COMMITS = 40
GUEST = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
NSG = "providers/Microsoft.Network/networkSecurityGroups/n"
LOCKS = "providers/Microsoft.Authorization/locks"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    cluster = Cluster(programs)
    try:
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        cluster.remove()


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str | None:
    """The database under the control plane; None is its own file."""
    return request.getfixturevalue("postgres").create() if request.param == "postgresql" else None


async def seen(ask: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so."""
    for _ in range(2000):
        if await ask():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to be")


async def through_a_death(
    keeper: Keeper,
    host: Host,
    commit: int,
    ask: Callable[[], Awaitable[bool]],
    done: Callable[[], Awaitable[bool]],
) -> bool:
    """`ask` says whether it needs to be asked. False when nobody died any more."""
    keeper.arm(commit, "before")
    died = False
    try:
        assert await ask()
        await seen(done)
        keeper.disarm()
        # It may have died of something it does beside.
        await seen(done)
    except httpx.TransportError:
        died = True
        await keeper.revive()
        await host.peer.connect()
        await host.report()
        await ask()
        await seen(done)
    return died


@pytest.mark.parametrize("url", BOTH, indirect=True)
async def test_a_group_goes_whole_whatever_dies(tmp_path: Path, url: str | None) -> None:
    async with Keeper(tmp_path, url) as keeper:
        host, owner = await keeper.host(), keeper.owner
        for commit in range(1, MOST_COMMITS):
            where = f"{SCOPE}/resourceGroups/g{commit}"
            owner = keeper.owner
            await owner.ask("PUT", where, {"location": "local"})
            for name in ("a", "b"):
                vm = f"{where}/providers/Microsoft.Compute/virtualMachines/{name}"
                assert (await owner.follow(await owner.ask("PUT", vm, GUEST)))["status"] == "Succeeded"
            assert (await owner.ask("PUT", f"{where}/{NSG}", {"location": "local"})).is_success
            host.performed.clear()

            async def state(where: str = where) -> str | None:
                answer = await keeper.owner.get(where)
                if answer.status_code == 404:
                    return None
                return str(answer.json()["properties"]["provisioningState"])

            async def ask(where: str = where, state: Callable[[], Awaitable[str | None]] = state) -> bool:
                if await state() != "Succeeded":
                    return False
                assert (await keeper.owner.ask("DELETE", where)).status_code == 202
                return True

            async def done(state: Callable[[], Awaitable[str | None]] = state) -> bool:
                return await state() is None

            died = await through_a_death(keeper, host, commit, ask, done)
            assert host.performed == ["vm.delete"] * 2, "each machine went, and once"
            assert host.power == {}
            inside = await keeper.owner.get(
                f"{SCOPE}/resources", **{"$filter": f"resourceGroup eq 'g{commit}'"}
            )
            assert inside.json() == {"value": []}
            if not died:
                break
        assert commit > 5, "the operation has more commits than that"
        await host.peer.kill()


@pytest.mark.parametrize("url", BOTH, indirect=True)
async def test_a_cancellation_is_not_forgotten(tmp_path: Path, url: str | None) -> None:
    async with Keeper(tmp_path, url) as keeper:
        host = await keeper.host()
        await keeper.owner.create_vm("demo")
        vm = f"{SCOPE}/resourceGroups/Lab/providers/Microsoft.Compute/virtualMachines/demo"
        for commit in range(1, MOST_COMMITS):
            host.deaf.add("vm.stop")
            begun = await keeper.owner.ask("POST", f"{vm}/deallocate")
            where = begun.headers["Azure-AsyncOperation"]
            path, _, query = where.partition("?")

            async def status(where: str = where) -> str:
                return str((await keeper.owner.get(where, version=None)).json()["status"])

            async def ask(cancel: str = f"{path}/cancel?{query}") -> bool:
                answer = await keeper.owner.ask("POST", cancel, version=None)
                # Asked again after the death, it may have ended already.
                assert answer.status_code in (202, 409), answer.text
                return True

            async def done(status: Callable[[], Awaitable[str]] = status) -> bool:
                return await status() != "InProgress"

            died = await through_a_death(keeper, host, commit, ask, done)
            assert await status() == "Canceled"
            host.deaf.clear()
            again = await keeper.owner.follow(await keeper.owner.ask("POST", f"{vm}/restart"))
            assert again["status"] == "Succeeded", "the machine is free for the next operation"
            if not died:
                break
        assert commit > 2
        await host.peer.kill()


@pytest.mark.parametrize("url", BOTH, indirect=True)
async def test_what_was_decided_outlives_the_process(tmp_path: Path, url: str | None) -> None:
    """Locks, tags and registrations: answered is kept, and what was not answered is whole or not at all."""
    async with Keeper(tmp_path, url) as keeper:
        lock, tags = f"{SCOPE}/{LOCKS}/keep", f"{SCOPE}/providers/Microsoft.Resources/tags/default"
        provider = f"{SCOPE}/providers/Microsoft.Network"
        changes = (
            ("PUT", lock, {"properties": {"level": "CanNotDelete"}}, 404),
            ("PUT", tags, {"properties": {"tags": {"a": "b"}}}, 200),
            ("POST", f"{provider}/unregister", None, 200),
        )
        for method, path, body, before in changes:
            for when in ("before", "after"):
                # An action notes first that it begins; its effect is the second commit.
                keeper.arm(2 if method == "POST" else 1, when)
                with pytest.raises(httpx.TransportError):
                    await keeper.owner.ask(method, path, body)
                await keeper.revive()
                shown = await keeper.owner.get(path.removesuffix("/unregister"))
                kept = when == "after"
                if path == lock:
                    assert shown.status_code == (200 if kept else before)
                elif path == tags:
                    assert shown.json()["properties"]["tags"] == ({"a": "b"} if kept else {})
                else:
                    wanted = "Unregistered" if kept else "Registered"
                    assert shown.json()["registrationState"] == wanted
        refused = await keeper.owner.ask("DELETE", f"{SCOPE}/resourceGroups/Lab")
        assert refused.json()["error"]["code"] == "ScopeLocked"
