"""The runner on a real store: leases, retries, order, a graceful stop, and what a dead one left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal, PrincipalKind
from outofband.resources import runner as module
from outofband.resources.declaration import Begin, Place, ResourceType, Step
from outofband.resources.exchange import Caller
from outofband.resources.job import Done, Job
from outofband.resources.registry import Registry
from outofband.resources.rows import Rows
from outofband.resources.runner import MAX_ATTEMPTS, Runner
from outofband.store.directory import Subscription, Tenant
from outofband.store.operations import Operation
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.operations import Status
from tests.support.database import open_store

pytestmark = pytest.mark.anyio
KIND = "Test.Lab/things/do/action"
THING = ResourceId(subscription="s", group="g", namespace="Test.Lab", chain=(("things", "x"),))
CALLER = Caller(
    principal=Principal(
        tenant="t", object_id="o", app_id="a", kind=PrincipalKind.SERVICE_PRINCIPAL, name="n", expires=0.0
    )
)
Run = Callable[[Job], Awaitable[Done]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


def registry(store: Store, run: Run, failed: object = None) -> Registry:
    async def plan(*_: object) -> None:
        return None

    step = Step(run=run, failed=failed)  # type: ignore[arg-type]
    things = ResourceType(
        name="Test.Lab/things",
        about="a thing",
        many="things",
        since="2020-01-01",
        source=Rows(store, "Test.Lab/things", lambda row, expand: {}),
        places=frozenset({Place.GROUP}),
        actions={"do": Begin(plan=plan, step=step, about="Do it")},
    )
    return Registry([things])


async def begin(store: Store, resource: ResourceId = THING, given: object = None) -> Operation:
    async with store.write() as tx:
        return await store.operations.begin(
            tx,
            resource=resource,
            kind=KIND,
            now=clock.now(),
            input=given,
            caller=msgspec.to_builtins(CALLER),
            correlation_id="c",
        )


async def add_agent(store: Store) -> str:
    now = clock.now()
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id="t", name="T", domain=None, created=now))
        mine = Subscription(id="s", tenant_id="t", name="S", state="Enabled", created=now)
        await store.directory.add_subscription(tx, mine)
        made = await store.agents.enrol(
            tx, name="h", tenant_id="t", subscription_id="s", resource_group="g", public_key="k", now=now
        )
    return made.id


async def ended(store: Store, operation: Operation, seconds: float = 30.0) -> Operation:
    end = clock.monotonic() + seconds
    while True:
        async with store.read() as tx:
            found = await store.operations.require(tx, operation.id)
        if found.ended is not None:
            return found
        assert clock.monotonic() < end, found
        await asyncio.sleep(0.01)


async def test_a_step_ends_with_what_it_settles(store: Store) -> None:
    async def run(job: Job) -> Done:
        assert job.key("x") == f"{job.operation.id}:x"
        assert not job.resumed

        async def settle(tx: Tx) -> None:
            await store.resources.put(tx, THING, now=clock.now(), by="job")

        return Done(output={"given": job.input(int)}, settle=settle)

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    found = await ended(store, await begin(store, given=7))
    assert (found.status, found.output, found.attempts) == (Status.SUCCEEDED, {"given": 7}, 1)
    async with store.read() as tx:
        assert await store.resources.get(tx, THING) is not None
        (row,) = (await store.activity.page(tx)).items
    assert (row.action, row.status, row.caller, row.correlation_id) == (KIND, "Succeeded", "n", "c")
    await runner.close()


async def test_a_fault_is_the_end_with_its_remedy(store: Store) -> None:
    told: list[str] = []

    async def run(job: Job) -> Done:
        raise Fault("VmStopTimeout", vm="x", seconds=3)

    async def failed(job: Job, tx: Tx, fault: Fault) -> None:
        told.append(fault.code)

    runner = Runner(store, registry(store, run, failed), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert found.status is Status.FAILED
    assert found.error["code"] == "VmStopTimeout"
    assert found.error["additionalInfo"][0]["info"]["remedy"]
    assert told == ["VmStopTimeout"]
    async with store.read() as tx:
        (row,) = (await store.activity.page(tx)).items
    assert (row.status, row.sub_status, row.level) == ("Failed", "VmStopTimeout", "Error")
    await runner.close()


async def test_a_fault_while_settling_is_the_end_too(store: Store) -> None:
    async def run(job: Job) -> Done:
        async def settle(tx: Tx) -> None:
            await store.resources.put(tx, THING, now=clock.now(), by="job")
            raise Fault("OperationNotAllowed", detail="a host came meanwhile")

        return Done(settle=settle)

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert (found.status, found.error["code"], found.attempts) == (Status.FAILED, "OperationNotAllowed", 1)
    async with store.read() as tx:
        assert await store.resources.get(tx, THING) is None, "what was settled is undone"
    await runner.close()


async def test_an_operation_that_cannot_be_read_holds_no_place(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RUNNING", 1)

    async def run(job: Job) -> Done:
        return Done()

    async with store.write() as tx:
        await store.operations.begin(tx, resource=THING, kind=KIND, now=clock.now(), caller={"odd": 1})
    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    other = msgspec.structs.replace(THING, chain=(("things", "y"),))
    assert (await ended(store, await begin(store, other))).status is Status.SUCCEEDED
    await runner.close()


async def test_what_breaks_is_tried_again_and_tells_nobody_why(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", timedelta(milliseconds=1))
    runs: list[int] = []

    async def run(job: Job) -> Done:
        runs.append(job.operation.attempts)
        if len(runs) < 3:
            raise RuntimeError("the password is x")
        if len(runs) < 4:
            raise Fault("StoreBusy")
        return Done()

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert (found.status, runs) == (Status.SUCCEEDED, [1, 2, 3, 4])
    await runner.close()


async def test_what_always_breaks_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", timedelta(microseconds=1))
    runs: list[int] = []

    async def run(job: Job) -> Done:
        runs.append(1)
        raise RuntimeError("the password is x")

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert found.error["code"] == "InternalError"
    assert "password" not in str(found.error)
    assert len(runs) == MAX_ATTEMPTS
    await runner.close()


async def test_an_operation_of_an_unknown_kind_ends(store: Store) -> None:
    """A later version began it; this one cannot do it."""
    runner = Runner(store, Registry([]), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert (found.status, found.error["code"]) == (Status.FAILED, "InternalError")
    await runner.close()


async def test_one_resource_in_order_others_beside_it(store: Store) -> None:
    gate = asyncio.Event()
    order: list[str] = []

    async def run(job: Job) -> Done:
        order.append(job.input(str))
        if job.input(str) == "first":
            await gate.wait()
        return Done()

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    other = msgspec.structs.replace(THING, chain=(("things", "y"),))
    first = await begin(store, given="first")
    second = await begin(store, given="second")
    await ended(store, await begin(store, other, given="aside"))
    assert order == ["first", "aside"]
    gate.set()
    await ended(store, first)
    await ended(store, second)
    assert order == ["first", "aside", "second"]
    await runner.close()


async def test_what_must_wait_takes_nobodys_turn_to_write(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    lease = store.operations.lease_next

    async def counted(*given: object, **named: object) -> Operation | None:
        found = await lease(*given, **named)  # type: ignore[arg-type]
        tried.append(found.id if found is not None else "")
        return found

    monkeypatch.setattr(store.operations, "lease_next", counted)
    gate = asyncio.Event()

    async def run(job: Job) -> Done:
        await gate.wait()
        return Done()

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    first, second = await begin(store), await begin(store)
    for _ in range(5):
        store.bell.ring_here("operations")
        await asyncio.sleep(0.05)
    assert tried == [first.id]
    gate.set()
    await ended(store, second)
    assert tried == [first.id, second.id]
    await runner.close()


async def test_a_stop_hands_the_work_on_at_once(store: Store) -> None:
    started = asyncio.Event()

    async def stuck(job: Job) -> Done:
        await job.save({"half": True})
        started.set()
        await asyncio.Event().wait()
        return Done()

    async def resume(job: Job) -> Done:
        return Done(output={"state": job.state, "resumed": job.resumed})

    first = Runner(store, registry(store, stuck), "n1")
    first.start()
    operation = await begin(store)
    await started.wait()
    await first.close()
    second = Runner(store, registry(store, resume), "n2")
    second.start()
    found = await ended(store, operation, 5.0)
    assert found.output == {"state": {"half": True}, "resumed": True}
    await second.close()


async def test_a_dead_life_of_the_same_node_blocks_nothing(store: Store) -> None:
    async def run(job: Job) -> Done:
        return Done()

    operation = await begin(store)
    async with store.write() as tx:
        held = await store.operations.lease_next(tx, "n1/dead", clock.now())
        assert held is not None
    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    assert (await ended(store, operation, 5.0)).attempts == 2
    await runner.close()


async def test_a_living_runner_of_another_node_is_left_alone(store: Store) -> None:
    ran: list[ResourceId] = []

    async def run(job: Job) -> Done:
        ran.append(job.rid)
        return Done()

    operation = await begin(store)
    async with store.write() as tx:
        assert await store.operations.lease_next(tx, "n10/alive", clock.now()) is not None
    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    other = msgspec.structs.replace(THING, chain=(("things", "z"),))
    await ended(store, await begin(store, other))
    assert ran == [other]
    async with store.read() as tx:
        assert (await store.operations.require(tx, operation.id)).lease_owner == "n10/alive"
    await runner.close()


async def test_who_lost_the_lease_writes_nothing(store: Store) -> None:
    """The lease ran out while the step hung; another did the work; the late end counts for nothing."""
    started, late, settled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(job: Job) -> Done:
        started.set()
        await late.wait()

        async def settle(tx: Tx) -> None:
            settled.set()
            await store.resources.put(tx, THING, now=clock.now(), by="slow")

        return Done(settle=settle)

    runner = Runner(store, registry(store, slow), "n1")
    runner.start()
    operation = await begin(store)
    await started.wait()
    async with store.write() as tx:
        stolen = await store.operations.lease_next(tx, "n2/x", clock.now() + timedelta(hours=1))
        assert stolen is not None
        await store.operations.finish(tx, stolen, Status.SUCCEEDED, clock.now(), output="n2")
    late.set()
    await settled.wait()
    await runner.close()
    async with store.read() as tx:
        assert (await store.operations.require(tx, operation.id)).output == "n2"
        assert await store.resources.get(tx, THING) is None, "settled in the unit that was undone"


async def test_a_canceled_operation_ends_where_it_is(store: Store) -> None:
    began, told = asyncio.Event(), []

    async def run(job: Job) -> Done:
        async with store.write() as tx:
            for key, sent in ((job.key("a"), False), (job.key("b"), True), ("another:a", False)):
                await store.outbox.put(
                    tx, key=key, agent_id=agent, verb="v", now=clock.now(), deadline=clock.now()
                )
                if sent:
                    await store.outbox.sent(tx, [key], clock.now())
        began.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def failed(job: Job, tx: Tx, fault: Fault) -> None:
        told.append(fault.code)

    agent = await add_agent(store)
    runner = Runner(store, registry(store, run, failed), "n1")
    runner.start()
    operation = await begin(store)
    await began.wait()
    async with store.write() as tx:
        assert await store.operations.want_canceled(tx, operation, clock.now())
    found = await ended(store, operation)
    assert (found.status, found.error["code"], told) == (
        Status.CANCELED,
        "Canceled",
        ["Canceled"],
    )
    async with store.read() as tx:
        kept = [await store.outbox.get(tx, key) for key in (f"{found.id}:a", f"{found.id}:b", "another:a")]
        (row,) = (await store.activity.page(tx)).items
    assert [each is not None for each in kept] == [False, True, True], "what was not sent is taken back"
    assert (row.status, row.sub_status) == ("Failed", "Canceled")
    async with store.write() as tx:
        assert not await store.operations.want_canceled(tx, operation, clock.now()), "it has ended"
    await runner.close()


async def test_a_wish_outlives_the_runner_that_did_not_hear_it(store: Store) -> None:
    runs: list[str] = []

    async def run(job: Job) -> Done:
        runs.append(job.operation.id)
        return Done()

    operation = await begin(store)
    async with store.write() as tx:
        held = await store.operations.lease_next(tx, "dead", clock.now(), lease=timedelta(0))
        assert held is not None
        await store.operations.want_canceled(tx, held, clock.now())
    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    assert (await ended(store, operation)).status is Status.CANCELED
    assert runs == []
    await runner.close()


async def test_a_step_that_ends_before_the_wish_is_heard_has_ended(store: Store) -> None:
    async def run(job: Job) -> Done:
        async with store.write() as tx:
            await store.operations.want_canceled(tx, job.operation, clock.now())
        return Done(output="done")

    runner = Runner(store, registry(store, run), "n1")
    runner.start()
    found = await ended(store, await begin(store))
    assert found.status in (Status.SUCCEEDED, Status.CANCELED)
    assert (found.output == "done") is (found.status is Status.SUCCEEDED)
    await runner.close()
