"""The types of Microsoft.Compute that are about machines, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from outofband.access.authorizer import Authorizer
from outofband.diagnostics.places import Places
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.boot_data import BootData
from outofband.providers.compute.extensions import Extensions
from outofband.providers.compute.guest_steps import GuestSteps
from outofband.providers.compute.importing import Importable
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.instances import Instances
from outofband.providers.compute.machines import VirtualMachines
from outofband.providers.compute.move_places import MovePlaces
from outofband.providers.compute.moving import Consoles
from outofband.providers.compute.nic_reset import NicReset
from outofband.providers.compute.offers import Offers
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.power import Work
from outofband.providers.compute.redeploy import Redeploys
from outofband.providers.compute.run_action import RunAction
from outofband.providers.compute.run_commands import RunCommands
from outofband.providers.compute.run_documents import RunDocuments
from outofband.providers.compute.scale_sets import ScaleSets
from outofband.providers.compute.scaling import Scaling
from outofband.providers.compute.set_redeploy import SetRedeploys
from outofband.providers.compute.shape import INSTANCES
from outofband.providers.network.house import House
from outofband.resources.declaration import Act, Begin, ResourceType
from outofband.storage.service import Storage
from outofband.store.store import Store
from outofband.wire.network.prefixes import Block


def declare_compute(
    store: Store,
    authorizer: Authorizer,
    fleet: Fleet,
    consoles: Consoles,
    places: Places,
    storage: Storage,
    public_pool: Iterable[Block] = (),
) -> list[ResourceType]:
    """VMs, scale sets and their instances, what can be imported, what hosts offer."""
    house = House(store, authorizer, tuple(public_pool))
    work, placement = Work(store, fleet, consoles, house, MovePlaces(store, storage)), Placement(fleet)
    redeploys = Redeploys(store, authorizer, fleet, work, placement, places)
    importable = Importable(store, fleet)
    scaling = Scaling(store, fleet, work, placement)
    scale_sets, inside = ScaleSets(store, fleet, placement, scaling), Inside(store, fleet)
    actions: dict[str, Act | Begin] = {
        "runCommand": RunAction(store, inside).declare(),
        "retrieveBootDiagnosticsData": BootData(store, authorizer, places).declare(),
        **GuestSteps(store, inside).declare(),
        "resetNic": NicReset(store, authorizer, fleet, work).declare(),
    }
    return [
        _with(
            VirtualMachines(store, authorizer, fleet, work, placement, importable).declare(),
            {**actions, "redeploy": redeploys.declare()},
        ),
        _with(scale_sets.declare(), {"redeploy": SetRedeploys(store, redeploys, scale_sets).declare()}),
        _with(Instances(store, fleet, work, scaling).declare(), {**actions, "redeploy": redeploys.declare()}),
        RunCommands(store, inside).declare(),
        RunCommands(store, inside, INSTANCES).declare(),
        Extensions(store, inside).declare(),
        Extensions(store, inside, INSTANCES).declare(),
        RunDocuments().declare(),
        importable.declare(),
        *Offers(store, fleet).declare(),
    ]


def _with(machines: ResourceType, actions: dict[str, Act | Begin]) -> ResourceType:
    return dataclasses.replace(machines, actions={**machines.actions, **actions})
