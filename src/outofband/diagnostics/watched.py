"""A VM as boot diagnostics see it. What its row says is the compute provider's to read, a floor above."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from outofband.store.resources import Resource


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """`agent`: of its host; `name` as commands take it, `machine` as its host does; `on`: its boot
    diagnostics are; `uri`: the address of the storage account they go to, empty for managed storage, None
    when that cannot be read.
    """

    row: Resource
    name: str
    machine: str
    agent: str
    on: bool
    uri: str | None


Watcher = Callable[[Resource], Watched | None]
"""None for a row that is no VM."""
