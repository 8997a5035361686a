"""Resources: case, etags, pages, the tree."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.store.resources import GROUP_TYPE, parent_key, topic
from outofband.store.store import Store

pytestmark = pytest.mark.anyio
VM = "/subscriptions/S/resourceGroups/Demo/providers/Microsoft.Compute/virtualMachines/"
LATER = timedelta(seconds=1)


async def put(store: Store, text: str, now: datetime, **more: object) -> str:
    async with store.write() as tx:
        row, _ = await store.resources.put(tx, parse_id(text), now=now, by="ann", **more)  # type: ignore[arg-type]
    return row.etag


async def test_any_spelling_finds_it_and_the_first_is_kept(store: Store, now: datetime) -> None:
    await put(store, VM + "Web01", now, location="here", properties={"n": [1, None, "\x00"]})
    async with store.write() as tx:
        again, new = await store.resources.put(
            tx, parse_id((VM + "WEB01").lower()), now=now + LATER, by="bob"
        )
        found = await store.resources.get(tx, VM.upper() + "web01")
    assert not new
    assert found == again
    assert (again.id, again.name, again.resource_group) == (VM + "Web01", "Web01", "Demo")
    assert (again.created, again.created_by) == (now, "ann")
    assert (again.changed, again.changed_by) == (now + LATER, "bob")
    assert again.location == "here"
    assert again.properties == {}


async def test_values_come_back_as_they_went(store: Store, now: datetime) -> None:
    deep = {"b": 1, "a": {"x": [1.5, "é", "\x00", None, True]}}
    await put(store, VM + "a", now, properties=deep, tags={"K": "v"}, envelope={"identity": {"type": "None"}})
    async with store.read() as tx:
        row = await store.resources.require(tx, parse_id(VM + "a"))
    assert row.properties == deep
    assert list(row.properties) == ["b", "a"]
    assert (row.tags, row.envelope, row.created) == ({"K": "v"}, {"identity": {"type": "None"}}, now)


async def test_every_change_gives_another_etag(store: Store, now: datetime) -> None:
    first = await put(store, VM + "a", now)
    second = await put(store, VM + "a", now)
    async with store.write() as tx:
        changed = await store.resources.update(tx, VM + "A", now=now, provisioning_state="Failed")
        assert changed is not None
        assert await store.resources.advance_epoch(tx, VM + "a", now=now) == 2
        last = await store.resources.get(tx, VM + "a")
    assert last is not None
    assert len({first, second, changed.etag, last.etag}) == 4
    assert (last.epoch, last.provisioning_state) == (2, "Failed")


async def test_conditions(store: Store, now: datetime) -> None:
    with pytest.raises(Fault, match="PreconditionFailed"):
        await put(store, VM + "a", now, if_match="*")
    etag = await put(store, VM + "a", now, if_none_match=True)
    with pytest.raises(Fault, match="PreconditionFailed"):
        await put(store, VM + "a", now, if_none_match=True)
    newer = await put(store, VM + "a", now, if_match=etag)
    with pytest.raises(Fault, match="PreconditionFailed"):
        await put(store, VM + "a", now, if_match=etag)
    await put(store, VM + "a", now, if_match="*")
    assert newer != etag


async def test_a_new_resource_of_an_old_name_is_another_one(store: Store, now: datetime) -> None:
    await put(store, VM + "a", now)
    async with store.write() as tx:
        old = await store.resources.require(tx, parse_id(VM + "a"))
        assert await store.resources.by_uid(tx, old.uid.upper()) == old
        assert await store.resources.delete(tx, VM + "A") == 1
        new, _ = await store.resources.put(tx, parse_id(VM + "a"), now=now, by="ann")
        assert new.uid != old.uid
        assert await store.resources.by_uid(tx, old.uid) is None


async def test_lists(store: Store, now: datetime) -> None:
    await put(store, "/subscriptions/S/resourceGroups/Demo", now)
    await put(store, "/subscriptions/S/resourceGroups/Demo2", now)
    await put(store, "/subscriptions/T/resourceGroups/Demo", now)
    for name in ("b", "A", "c"):
        await put(store, VM + name, now)
    await put(store, VM + "A/extensions/e", now)
    await put(store, VM.replace("/S/", "/T/") + "z", now)
    await put(store, VM.replace("/Demo/", "/Demo2/") + "y", now)
    await put(store, VM + "A/providers/Microsoft.SerialConsole/serialPorts/0", now)

    async def names(**query: str) -> list[str]:
        async with store.read() as tx:
            return [each.name for each in (await store.resources.page(tx, **query)).items]  # type: ignore[arg-type]

    machines = "microsoft.compute/VIRTUALMACHINES"
    assert await names(subscription="s", type=GROUP_TYPE) == ["Demo", "Demo2"]
    assert await names(subscription="s", type=machines) == ["A", "b", "c", "y"]
    assert await names(subscription="s", group="DEMO", type=machines) == ["A", "b", "c"]
    assert await names(subscription="S", group="demo") == ["A", "e", "0", "b", "c"]
    assert await names(parent=VM + "a") == ["e", "0"]
    assert await names(type=machines) == ["A", "b", "c", "y", "z"]


async def test_pages_meet_without_gap_or_overlap(store: Store, now: datetime) -> None:
    async with store.write() as tx:
        for number in range(25):
            await store.resources.put(tx, parse_id(f"{VM}v{number:02}"), now=now, by="x")
    seen: list[str] = []
    after: str | None = None
    pages = 0
    async with store.read() as tx:
        while pages == 0 or after is not None:
            page = await store.resources.page(tx, subscription="s", after=after, limit=5)
            seen += [each.name for each in page.items]
            after, pages = page.after, pages + 1
    assert seen == [f"v{number:02}" for number in range(25)]
    assert pages == 5


async def test_deleting_takes_what_is_inside_and_no_more(store: Store, now: datetime) -> None:
    for text in (
        "/subscriptions/S/resourceGroups/Demo",
        VM + "a",
        VM + "a/extensions/e",
        VM + "ab",
        VM + "a-b",
    ):
        await put(store, text, now)
    async with store.write() as tx:
        assert await store.resources.delete(tx, VM + "A") == 2
        left = (await store.resources.page(tx)).items
    assert [each.name for each in left] == ["a-b", "ab"]
    with store.bell.listen(topic("/subscriptions/s/resourceGroups/DEMO")) as ear:
        async with store.write() as tx:
            assert await store.resources.delete(tx, "/subscriptions/s/resourcegroups/demo") == 3
        assert await ear.wait(1.0)


async def test_what_is_missing_has_its_own_code(store: Store, now: datetime) -> None:
    async with store.read() as tx:
        with pytest.raises(Fault, match="ResourceGroupNotFound"):
            await store.resources.require(tx, parse_id(VM + "a"))
    await put(store, "/subscriptions/S/resourceGroups/Demo", now)
    async with store.read() as tx:
        with pytest.raises(Fault, match="ResourceNotFound") as caught:
            await store.resources.require(tx, parse_id(VM + "a"))
        with pytest.raises(Fault, match="ResourceGroupNotFound"):
            await store.resources.require(tx, parse_id("/subscriptions/S/resourceGroups/Other"))
    assert caught.value.fields["resource"] == "Microsoft.Compute/virtualMachines/a"


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        ("/", None),
        ("/subscriptions/S", None),
        ("/subscriptions/S/resourceGroups/G", "/subscriptions/s"),
        ("/subscriptions/S/providers/N/t/x", "/subscriptions/s"),
        ("/subscriptions/S/resourceGroups/G/providers/N/t/x", "/subscriptions/s/resourcegroups/g"),
        (
            "/subscriptions/S/resourceGroups/G/providers/N/t/X/u/y",
            "/subscriptions/s/resourcegroups/g/providers/n/t/x",
        ),
        (
            "/subscriptions/S/resourceGroups/G/providers/N/t/X/providers/M/u/y",
            "/subscriptions/s/resourcegroups/g/providers/n/t/x",
        ),
    ],
)
async def test_what_a_resource_hangs_on(text: str, parent: str | None) -> None:
    assert parent_key(parse_id(text)) == parent
