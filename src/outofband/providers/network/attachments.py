"""Which VM has which network interface, as the VMs themselves say."""

from __future__ import annotations

from typing import Any

from outofband.providers.network.house import MACHINES
from outofband.providers.network.references import key_of
from outofband.store.network import Attachment
from outofband.store.store import Store
from outofband.store.tx import Tx


async def machines_of(
    store: Store, tx: Tx, subscription: str, interface: str | None = None
) -> dict[str, str]:
    """Ids of VMs by the lower-cased ids of their interfaces; of all, or of those of one name at least."""
    found: dict[str, str] = {}
    for machine in await store.network.attachments(tx, subscription, MACHINES, interface):
        for key in interfaces_of(machine):
            found.setdefault(key, machine.id)
    return found


def interfaces_of(machine: Attachment) -> list[str]:
    """The lower-cased ids of a VM's interfaces, the primary one first."""
    profile: Any = machine.properties.get("networkProfile")
    listed = profile.get("networkInterfaces") if isinstance(profile, dict) else None
    given = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    ordered = sorted(given, key=lambda each: not _is_primary(each))
    return [key for each in ordered if (key := key_of(each)) is not None]


def _is_primary(interface: dict[str, Any]) -> bool:
    properties = interface.get("properties")
    return isinstance(properties, dict) and properties.get("primary") is True
