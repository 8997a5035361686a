"""What is sent to a machine from its console: an NMI, a SysRq key, Ctrl-Alt-Del, a reset."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

from outofband.consoles.rights import CONNECT
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import shape as vm
from outofband.providers.serial_console.readiness import Readiness, Target
from outofband.providers.serial_console.servers import EPOCH
from outofband.providers.serial_console.services import own
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call
from outofband.store.agents import Agent
from outofband.wire.machine import Verb

ACTION_SECONDS = 25.0
"""How long a client waits for the effect of an NMI, a SysRq key or a reset; the host looks for 10 s."""
_SYSRQ = re.compile(r"[0-9a-z]")


class SysrqRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: one of `0-9a-z`, as in the Linux kernel's documentation of SysRq; `h` prints what there is."""

    key: str = "h"


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What the VM's host saw happen: one sentence, and data of it."""

    observed: str
    data: dict[str, Any] = {}


class Sending:
    """The actions `nmi`, `reset`, `sysrq` and `ctrlAltDel` of a port."""

    def __init__(self, fleet: Fleet, readiness: Readiness) -> None:
        self._fleet = fleet
        self._readiness = readiness

    def actions(self) -> dict[str, Act]:
        return {
            "nmi": Act(
                run=self._nmi,
                about="Send a non-maskable interrupt to the VM",
                answer=Observed,
                permission=CONNECT,
                also=(own("nmi"),),
            ),
            "reset": Act(
                run=self._reset,
                about="Reset the VM, as its reset button would; what is not saved is lost",
                answer=Observed,
                permission=CONNECT,
                also=(own("reset"),),
            ),
            "sysrq": Act(
                run=self._sysrq,
                about="Send a SysRq key to a Linux VM",
                body=SysrqRequest,
                noted=lambda body: {"key": body.key[:1]},
                answer=Observed,
                permission=CONNECT,
                also=(own("sysrq"),),
            ),
            "ctrlAltDel": Act(
                run=self._ctrl_alt_del,
                about="Press Ctrl-Alt-Del on the keyboard that the VM's hypervisor gives it",
                answer=Observed,
                permission=CONNECT,
                also=(own("ctrlAltDel"),),
            ),
        }

    async def _nmi(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.NMI, {})

    async def _ctrl_alt_del(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.CTRL_ALT_DEL, {})

    async def _reset(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.RESET, {})

    async def _sysrq(self, call: Call, item: Item, body: SysrqRequest) -> Answer:
        if not _SYSRQ.fullmatch(body.key):
            raise Fault("InvalidParameter", target="key", detail="it is one of 0-9 and a-z")
        if not isinstance(item.row, Agent) and vm.is_windows(item.row):
            raise Fault("SysrqNotForWindows", vm=vm.machine_name(item.row))
        return await self._send(item.row, Verb.SYSRQ, {"key": body.key})

    async def _send(self, row: Target, verb: Verb, args: dict[str, Any]) -> Answer:
        agent = await self._readiness.agent_of(row)
        uid, epoch = (row.id, EPOCH) if isinstance(row, Agent) else (row.uid, row.epoch)
        result = await self._fleet.command(
            agent,
            verb.value,
            uid,
            args,
            key=f"{uuid.uuid4()}:{verb.value}",
            epoch=epoch,
            timeout=ACTION_SECONDS,
        )
        told = Observed(observed=result.observed, data=result.data)
        return Answer(body=told, noted={**args, "observed": result.observed})
