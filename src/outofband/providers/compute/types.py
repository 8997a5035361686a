"""The types of Microsoft.Compute that are about machines, put together."""

from __future__ import annotations

import dataclasses

from outofband.access.authorizer import Authorizer
from outofband.diagnostics.places import Places
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.boot_data import BootData
from outofband.providers.compute.extensions import Extensions
from outofband.providers.compute.importing import Importable
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.instances import Instances
from outofband.providers.compute.machines import VirtualMachines
from outofband.providers.compute.offers import Offers
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.power import Consoles, Work
from outofband.providers.compute.run_action import RunAction
from outofband.providers.compute.run_commands import RunCommands
from outofband.providers.compute.run_documents import RunDocuments
from outofband.providers.compute.scale_sets import ScaleSets
from outofband.providers.compute.scaling import Scaling
from outofband.providers.compute.shape import INSTANCES
from outofband.resources.declaration import Act, Begin, ResourceType
from outofband.store.store import Store


def declare_compute(
    store: Store, authorizer: Authorizer, fleet: Fleet, consoles: Consoles, places: Places
) -> list[ResourceType]:
    """VMs, scale sets and their instances, what can be imported, what hosts offer."""
    work, placement = Work(store, fleet, consoles), Placement(fleet)
    importable = Importable(store, fleet)
    scaling = Scaling(store, fleet, work, placement)
    inside = Inside(store, fleet)
    actions: dict[str, Act | Begin] = {
        "runCommand": RunAction(store, inside).declare(),
        "retrieveBootDiagnosticsData": BootData(store, authorizer, places).declare(),
    }
    return [
        _with(VirtualMachines(store, authorizer, fleet, work, placement, importable).declare(), actions),
        ScaleSets(store, fleet, placement, scaling).declare(),
        _with(Instances(store, fleet, work, scaling).declare(), actions),
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
