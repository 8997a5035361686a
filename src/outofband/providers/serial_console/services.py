"""Microsoft.SerialConsole/consoleServices: whether the consoles of a subscription are disabled."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.consoles.rights import CONNECT, OBSERVE, TYPE
from outofband.consoles.sessions import Sessions
from outofband.core import clock
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Act, Item, Page, Place, ResourceType
from outofband.resources.exchange import Answer, Call
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE = "Microsoft.SerialConsole"
SINCE = "2018-05-01"
PORT = "0"
"""The one that each machine has."""
_SWITCH = "default"


def own(name: str) -> str:
    """The RBAC action for one of a port's actions alone, narrower than CONNECT."""
    return f"{NAMESPACE}/serialPorts/{name}/action"


class SwitchState(msgspec.Struct, frozen=True, kw_only=True):
    disabled: bool


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the serial consoles of the subscription are disabled now."""

    properties: SwitchState


class ConsoleServices:
    """One resource, `default`, in each subscription."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/consoleServices",
            about="the serial console switch of a subscription",
            many="serial console switches",
            since=SINCE,
            source=self,
            places=frozenset({Place.SUBSCRIPTION}),
            lists=frozenset({Place.SUBSCRIPTION}),
            fixed={"consoleServices": _SWITCH},
            actions={
                "disableConsole": Act(
                    run=self._disable,
                    about="Disable the serial consoles of the subscription; open sessions end at once",
                    answer=Switch,
                ),
                "enableConsole": Act(
                    run=self._enable, about="Enable the serial consoles of the subscription", answer=Switch
                ),
            },
            urgent=frozenset({"GET", "POST"}),
            # Whoever may open one console has to find out why it does not open.
            also_read=(CONNECT, TYPE, OBSERVE),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        if rid.name.lower() != _SWITCH:
            return None
        exact = ResourceId(
            subscription=rid.subscription, namespace=NAMESPACE, chain=(("consoleServices", _SWITCH),)
        )
        disabled = await self._store.console_settings.disabled(tx, rid.subscription or "")
        body = {
            "id": str(exact),
            "name": _SWITCH,
            "type": f"{NAMESPACE}/consoleServices",
            "properties": {"disabled": disabled},
        }
        return Item(rid=exact, body=body)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        node = ResourceId(
            subscription=call.rid.subscription, namespace=NAMESPACE, chain=(("consoleServices", _SWITCH),)
        )
        item = await self.get(call, tx, node)
        return Page(items=[item] if item is not None else [])

    async def _disable(self, call: Call, item: Item, body: Any) -> Answer:
        await self._switch(call, disabled=True)
        subscription = call.rid.subscription or ""
        ended = await self._sessions.end_where(
            subscription=subscription, code="ConsoleDisabledForSubscription"
        )
        # At this node; at the others they end by the next look at their rights, with records of their own.
        told = {"sessionsEnded": ended}
        return Answer(body=Switch(properties=SwitchState(disabled=True)), noted=told)

    async def _enable(self, call: Call, item: Item, body: Any) -> Answer:
        await self._switch(call, disabled=False)
        return Answer(body=Switch(properties=SwitchState(disabled=False)))

    async def _switch(self, call: Call, *, disabled: bool) -> None:
        async with self._store.write() as tx:
            await self._store.console_settings.set_disabled(
                tx, call.rid.subscription or "", disabled, by=call.by, now=clock.now()
            )
