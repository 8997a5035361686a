"""Does what a step wants as the caller would: a request to the kernel, with their rights, the locks, and a
row in the activity log.

Every request has a key, and an operation that the key began is never begun again: whoever comes later waits
for its end, or is told of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from outofband.access.authorizer import Authorizer, Rights
from outofband.catalogue import codes
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.compute import shape as vm
from outofband.providers.network.house import PUBLIC_ADDRESSES, SECURITY_RULES
from outofband.providers.network.house import VERSION as NETWORK_VERSION
from outofband.providers.rescues.eyes import PASSWORD
from outofband.providers.rescues.within import account_of
from outofband.rescue import judging, rules
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.rescue.runbook import Deed
from outofband.resources.exchange import Answer, Request
from outofband.resources.kernel import Kernel
from outofband.store.faults import PASSING
from outofband.store.operations import Operation, topic
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm import errors
from outofband.wire.arm.operations import Status
from outofband.wire.steps.linux import is_account
from outofband.wire.steps.report import StepReport

COMPUTE_VERSION = "2024-11-01"
LONGEST = timedelta(minutes=40)
"""A deed that takes longer is not waited for: its operation goes on, and may be followed by itself."""
EXTENSION = "enablevmaccess"
"""The name that Azure's own command line gives it, where there is none yet."""
_POWER = {Deed.START: "start", Deed.RESTART: "restart", Deed.REDEPLOY: "redeploy"}
_LINUX = ("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5")
_WINDOWS = ("Microsoft.Compute", "VMAccessAgent", "2.4")
_BASE = "https://localhost"


class Doer(Protocol):
    """Does a deed that is no single request to the kernel. As `rescue.doing.Hands`."""

    async def right(self, errand: Errand, run: Run) -> tuple[str, str]:
        """The RBAC action that it needs, and on what."""

    async def do(self, errand: Errand, run: Run, done: Done) -> Told: ...

    async def undo(self, errand: Errand, run: Run, done: Done) -> None: ...


class Requests:
    """`kernel` is set as soon as there is one: it is made of the very declarations that use this. `doers` are
    by deed; a deed that neither they nor this know is refused.
    """

    def __init__(
        self, store: Store, authorizer: Authorizer, doers: Mapping[Deed, Doer] | None = None
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._doers = dict(doers or {})
        self.kernel: Kernel | None = None

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        deed = done.wish.deed
        if (doer := self._doers.get(deed)) is not None:
            return await doer.do(errand, run, done)
        if deed in _POWER:
            return await self._power(errand, done)
        if deed is Deed.ADD_RULE:
            return await self._add_rules(errand, done)
        if deed is Deed.RESET_CONFIGURATION:
            return await self._reset(errand, run, done)
        if deed is Deed.RESET_NIC:
            return await self._nic(errand, done.key)
        if deed is Deed.ASSIGN_ADDRESS:
            return await self._assign(errand, done)
        if deed is Deed.RESET_PASSWORD:
            return await self._password(errand, run, done)
        raise Fault("RescueDeedMissing", deed=deed.value)

    async def undo(self, errand: Errand, run: Run, done: Done) -> None:
        deed = done.wish.deed
        key = f"{done.key}:undo:{errand.attempt}"
        if (doer := self._doers.get(deed)) is not None:
            await doer.undo(errand, run, done)
            return
        if deed is Deed.ADD_RULE:
            made = done.effects if done.ended else await self._made(done)
            await self._take_back(errand, key, made)
        elif deed is Deed.ASSIGN_ADDRESS:
            await self._unassign(errand, key, done)
        elif deed is Deed.RESET_NIC and done.before:
            await self._nic(errand, key, done.before)
        elif done.report is not None:
            body = {"report": msgspec.to_builtins(done.report)}
            path = f"{errand.vm}/undoStep"
            await self._once(errand, key, "POST", path, COMPUTE_VERSION, body)
        else:
            raise Fault("RescueNoUndo", deed=deed.value)

    async def lacking(self, errand: Errand, run: Run, row: Resource, tx: Tx) -> dict[Deed, Fault]:
        """Why a deed cannot be had: there is none here yet, or the caller lacks the right to it."""
        rights = await self._authorizer.rights(errand.caller, tx)
        lacks: dict[Deed, Fault] = {}
        for _, deed in judging.deeds_of(run):
            action, scope = await self._right(errand, run, deed)
            if not _may(rights, errand, action, scope):
                lacks[deed] = Fault("RescueRightMissing", deed=deed.value, action=action, scope=scope)
        return lacks

    async def rights(self, errand: Errand, run: Run, tx: Tx) -> list[dict[str, Any]]:
        """What each deed of a run needs, and whether the caller has it now."""
        held = await self._authorizer.rights(errand.caller, tx)
        told = []
        for step, deed in judging.deeds_of(run):
            action, scope = await self._right(errand, run, deed)
            allowed = _may(held, errand, action, scope)
            told.append(
                {
                    "step": step.value,
                    "deed": deed.value,
                    "action": action,
                    "scope": scope,
                    "allowed": allowed,
                }
            )
        return told

    async def _right(self, errand: Errand, run: Run, deed: Deed) -> tuple[str, str]:
        if (doer := self._doers.get(deed)) is not None:
            return await doer.right(errand, run)
        kind, here = errand.vm.type, str(errand.vm)
        if deed in _POWER:
            return f"{kind}/{_POWER[deed]}/action", here
        # Which group or interface it is, is known only when it was looked at; the kernel asks for it there.
        subscription = str(ResourceId(subscription=errand.vm.subscription))
        if deed is Deed.ADD_RULE:
            return f"{SECURITY_RULES}/write", subscription
        if deed is Deed.RESET_NIC:
            # The interface is written, too; for which one the operation asks.
            return f"{kind}/resetNic/action", here
        if deed is Deed.ASSIGN_ADDRESS:
            return f"{PUBLIC_ADDRESSES}/write", subscription
        if deed is Deed.RESET_CONFIGURATION:
            return f"{kind}/resetRemote/action", here
        return f"{kind}/extensions/write", here

    async def _power(self, errand: Errand, done: Done) -> Told:
        path = f"{errand.vm}/{_POWER[done.wish.deed]}"
        ended = await self._once(errand, done.key, "POST", path, COMPUTE_VERSION)
        observed = ended.output.get("observed") if ended and isinstance(ended.output, dict) else None
        return Told(observed=str(observed or ""))

    async def _add_rules(self, errand: Errand, done: Done) -> Told:
        made: list[str] = []
        for number, each in enumerate(done.wish.args["rules"]):
            addition = msgspec.convert(each, rules.Addition)
            path = _rule(addition)
            body = {"properties": rules.properties(addition)}
            try:
                # A rule that somebody makes in this moment under this name is theirs, and stays.
                await self._once(errand, f"{done.key}:{number}", "PUT", path, NETWORK_VERSION, body, new=True)
            except Fault as fault:
                if fault.code not in PASSING:
                    await self._take_back(errand, f"{done.key}:back", made)
                raise
            made.append(path)
        return Told(effects=tuple(made))

    async def _made(self, done: Done) -> list[str]:
        """The rules of a deed of which nobody saw the end: the run was stopped meanwhile."""
        made: list[str] = []
        for number, each in enumerate(done.wish.args["rules"]):
            operation = await self._begun(f"{done.key}:{number}")
            if operation is not None and (await self._end(operation)).status is Status.SUCCEEDED:
                made.append(_rule(msgspec.convert(each, rules.Addition)))
        return made

    async def _take_back(self, errand: Errand, key: str, made: Sequence[str]) -> None:
        for number, rule in enumerate(reversed(made)):
            await self._once(errand, f"{key}:{number}", "DELETE", rule, NETWORK_VERSION)

    async def _reset(self, errand: Errand, run: Run, done: Done) -> Told:
        async with self._store.read() as tx:
            windows = vm.is_windows(await self._store.resources.require(tx, errand.vm))
        body: dict[str, Any] = {"protocols": [run.wanted.protocol.value]}
        if not windows and is_account(name := account_of(run.wanted.user)):
            body["user"] = name
        path = f"{errand.vm}/resetRemote"
        ended = await self._once(errand, done.key, "POST", path, COMPUTE_VERSION, body)
        return Told(report=_report(ended))

    async def _nic(self, errand: Errand, key: str, seat: Mapping[str, str] | None = None) -> Told:
        """Another address and card: `seat`, else a free one."""
        path = f"{errand.vm}/resetNic"
        ended = await self._once(errand, key, "POST", path, COMPUTE_VERSION, dict(seat or {}))
        told = ended.output if ended is not None and isinstance(ended.output, dict) else {}
        before = told.get("before") or {}
        names = {"privateIPAddress": "address", "privateIPAllocationMethod": "method", "macAddress": "mac"}
        return Told(
            observed=str(told.get("observed") or ""),
            report=_report(ended),
            before={name: before[short] for name, short in names.items() if short in before},
        )

    async def _assign(self, errand: Errand, done: Done) -> Told:
        """A public address of its own, given to the interface's primary configuration."""
        interface = str(done.wish.args["interface"])
        rid = parse_id(interface)
        name = f"{errand.vm.name}-ip-{errand.id[:8]}"
        group = ResourceId(subscription=rid.subscription, group=rid.group)
        address = f"{group}/providers/{PUBLIC_ADDRESSES}/{name}"
        async with self._store.read() as tx:
            location = (await self._store.resources.require(tx, rid)).location
        body = {
            "location": location,
            # One that lets nobody in until a rule says so.
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        }
        await self._once(errand, f"{done.key}:ip", "PUT", address, NETWORK_VERSION, body)
        try:
            await self._configure(errand, f"{done.key}:nic", interface, address)
        except Fault as fault:
            if fault.code not in PASSING:
                await self._once(errand, f"{done.key}:back", "DELETE", address, NETWORK_VERSION)
            raise
        return Told(effects=(address,), before={"interface": interface})

    async def _unassign(self, errand: Errand, key: str, done: Done) -> None:
        for number, address in enumerate(done.effects):
            await self._configure(errand, f"{key}:nic", str(done.before["interface"]), address, away=True)
            await self._once(errand, f"{key}:{number}", "DELETE", address, NETWORK_VERSION)

    async def _configure(
        self, errand: Errand, key: str, interface: str, address: str, *, away: bool = False
    ) -> None:
        """Write the interface as it is, but with this public address, or without it; another one that
        somebody gave it since stays. Raises Fault PreconditionFailed where somebody else writes it at the
        same time.
        """
        if await self._begun(key) is None:
            read = await self._ask(errand, key, "GET", interface, NETWORK_VERSION)
            body = msgspec.to_builtins(read.body)
            for part in body["properties"]["ipConfigurations"]:
                its = part["properties"]
                if away and str(its.get("publicIPAddress", {}).get("id")).lower() == address.lower():
                    del its["publicIPAddress"]
                elif not away and its.get("primary"):
                    its["publicIPAddress"] = {"id": address}
            await self._ask(errand, key, "PUT", interface, NETWORK_VERSION, body, match=body.get("etag"))
        if (operation := await self._begun(key)) is not None:
            ended = await self._end(operation)
            if ended.status is not Status.SUCCEEDED:
                raise _failure(ended)

    async def _password(self, errand: Errand, run: Run, done: Done) -> Told:
        async with self._store.read() as tx:
            row = await self._store.resources.require(tx, errand.vm)
            windows = vm.is_windows(row)
            name, location = await self._existing(tx, errand.vm, windows), row.location
        user = run.wanted.user or errand.secret.get("user", "")
        body = _password(windows, account_of(user), errand.secret[PASSWORD])
        # Written with the same settings as last time it would not be carried out again.
        whole = {"location": location, "properties": {**body, "forceUpdateTag": done.key}}
        path = f"{errand.vm}/extensions/{name}"
        await self._once(errand, done.key, "PUT", path, COMPUTE_VERSION, whole)
        return Told(observed=f"{body['publisher']}.{body['type']}", effects=(path,))

    async def _existing(self, tx: Tx, machine: ResourceId, windows: bool) -> str:
        """A VM has one extension of a kind, by whatever name."""
        publisher, kind, _ = _WINDOWS if windows else _LINUX
        page = await self._store.resources.page(tx, type=f"{machine.type}/extensions", parent=machine)
        for row in page.items:
            wanted = (publisher.lower(), kind.lower())
            if (str(row.properties["publisher"]).lower(), str(row.properties["type"]).lower()) == wanted:
                return row.name
        return EXTENSION

    async def _once(
        self,
        errand: Errand,
        key: str,
        method: str,
        path: str,
        version: str,
        body: Any = None,
        *,
        new: bool = False,
    ) -> Operation | None:
        """The operation of a key at its end. Raises Fault for what was refused, and what it failed with."""
        operation = await self._begun(key)
        if operation is None:
            await self._ask(errand, key, method, path, version, body, new=new)
            operation = await self._begun(key)
        if operation is None:
            return None
        ended = await self._end(operation)
        if ended.status is not Status.SUCCEEDED:
            raise _failure(ended)
        return ended

    async def _ask(
        self,
        errand: Errand,
        key: str,
        method: str,
        path: str,
        version: str,
        body: Any = None,
        *,
        new: bool = False,
        match: str | None = None,
    ) -> Answer:
        """A request as the caller's. Raises Fault for every refusal."""
        if self.kernel is None:
            raise LookupError("there is no kernel yet")
        request = Request(
            method=method,
            path=quote(path),
            query=(("api-version", version),),
            body=msgspec.json.encode(body) if body is not None else b"",
            principal=errand.caller,
            base=_BASE,
            request_id=str(uuid.uuid4()),
            correlation_id=errand.id,
            address=errand.address,
            if_match=match,
            if_none_match="*" if new else None,
            reason="rescue",
            key=key,
        )
        return await self.kernel.handle(request)

    async def _begun(self, key: str) -> Operation | None:
        async with self._store.read() as tx:
            return await self._store.operations.by_key(tx, key)

    async def _end(self, operation: Operation) -> Operation:
        with self._store.bell.listen(topic(operation.id)) as ear:
            while operation.ended is None:
                if clock.now() - operation.started > LONGEST:
                    minutes = int(LONGEST.total_seconds() // 60)
                    raise Fault("RescueDeedSlow", operation=operation.id, minutes=minutes)
                await ear.wait()
                async with self._store.read() as tx:
                    operation = await self._store.operations.require(tx, operation.id)
        return operation


def _may(rights: Rights, errand: Errand, action: str, scope: str) -> bool:
    if scope == str(errand.vm):
        return rights.allow(action, scope)
    return rights.allow_below(action, scope)


def _rule(addition: rules.Addition) -> str:
    return f"{addition.group}/securityRules/{addition.name}"


def _failure(ended: Operation) -> Fault:
    told = errors.from_value(ended.error)
    if told is not None and told.code in codes():
        return Fault(told.code, **told.fields)
    detail = told.message if told is not None else ended.status.value
    return Fault("RescueDeedFailed", operation=ended.id, detail=detail)


def _report(ended: Operation | None) -> StepReport | None:
    told = ended.output.get("report") if ended is not None and isinstance(ended.output, dict) else None
    return msgspec.convert(told, StepReport) if told is not None else None


def _password(windows: bool, name: str, password: str) -> dict[str, Any]:
    if windows:
        publisher, kind, version = _WINDOWS
        given = {"settings": {"UserName": name}, "protectedSettings": {"Password": password}}
    else:
        publisher, kind, version = _LINUX
        given = {"settings": {}, "protectedSettings": {"username": name, "password": password}}
    return {"publisher": publisher, "type": kind, "typeHandlerVersion": version, **given}
