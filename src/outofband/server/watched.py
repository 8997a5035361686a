"""What boot diagnostics have to know of a VM, read from its row."""

from __future__ import annotations

from outofband.diagnostics.watched import Watched
from outofband.providers.compute import shape
from outofband.store.resources import Resource


def watched(row: Resource) -> Watched | None:
    """None for a row that is no machine on a host."""
    if row.type.lower() not in shape.MACHINES:
        return None
    return Watched(
        row=row,
        name=shape.command_name(row),
        machine=shape.machine_name(row),
        agent=shape.private_of(row).agent,
        on=shape.boot_diagnostics_on(row),
        uri=shape.storage_uri(row),
    )
