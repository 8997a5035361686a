"""What can keep a person from a console, and from what is sent through one."""

from __future__ import annotations

from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute import shape as vm
from outofband.providers.compute.profiles import boot_diagnostics
from outofband.providers.compute.scale_shape import model_of, set_private
from outofband.providers.serial_console.servers import ServerConsoles
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.machine import Power

# UNKNOWN too: a person must not be kept out because the host could not tell.
_OPEN = frozenset({Power.STARTING.value, Power.RUNNING.value, Power.STOPPING.value, Power.UNKNOWN.value})

Target = Resource | Agent
"""What a port is of: a VM's row, or that of a connected machine."""


def name_of(row: Target) -> str:
    """In sentences."""
    return row.name if isinstance(row, Agent) else vm.machine_name(row)


class Readiness:
    def __init__(self, store: Store, fleet: Fleet, servers: ServerConsoles) -> None:
        self._store = store
        self._fleet = fleet
        self._servers = servers

    async def agent_of(self, row: Target) -> str:
        """Raises Fault with everything that can keep a person from a console, the cheapest to mend last; the
        id of the machine's agent.
        """
        return await (self._servers.ready(row) if isinstance(row, Agent) else self._ready(row))

    async def _ready(self, row: Resource) -> str:
        async with self._store.read() as tx:
            disabled = await self._store.console_settings.disabled(tx, row.subscription_id)
        if disabled:
            raise Fault("ConsoleDisabledForSubscription", subscription=row.subscription_id)
        name = vm.machine_name(row)
        if (switched := vm.console_switch(row)) is not None:
            if not vm.boot_diagnostics_on(row):
                await self._refuse_stale(row)
            raise switched
        private = vm.private_of(row)
        if not private.placed and row.provisioning_state == "Failed":
            raise Fault("VmNotPlaced", vm=name)
        if not self._fleet.connected(private.agent):
            raise self._fleet.offline(private.agent)
        power = instance_view.power(self._fleet, row)
        if row.provisioning_state == "Creating" and power not in (Power.STARTING.value, Power.RUNNING.value):
            raise Fault("VmProvisioning", vm=name)
        if power not in _OPEN:
            raise Fault("VmNotRunning", vm=vm.command_name(row), power=power)
        return private.agent

    async def _refuse_stale(self, row: Resource) -> None:
        """Raises Fault InstanceNotLatestModel where boot diagnostics are on in the model that an instance
        lacks: then it is the update that is missing, not the switch.
        """
        if row.type.lower() != vm.INSTANCES.lower():
            return
        async with self._store.read() as tx:
            above = await self._store.resources.get(tx, row.parent_key or "")
        if above is None or set_private(above).model == vm.private_of(row).model:
            return
        if boot_diagnostics(model_of(above).profile).get("enabled") is not False:
            raise Fault(
                "InstanceNotLatestModel",
                instance=vm.machine_name(row),
                scaleset=above.name,
                number=row.name,
            )
