"""Rows under a VM whose writing runs something in its guest: what they remember for themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.ids import ResourceId
from outofband.providers.compute.shape import PRIVATE
from outofband.store.resources import Resource


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Private part of a row whose writing runs something. `run` names the writing: a later one has another,
    and what is protected of it is withheld (`store.withheld`) under that name until the run has ended.
    `view` is what is shown of the run.
    """

    run: str
    view: dict[str, Any] = {}


def task_of(row: Resource) -> Task:
    return msgspec.convert(row.properties[PRIVATE], Task)


def with_task(row: Resource, **changes: Any) -> dict[str, Any]:
    """The row's properties with changed private parts."""
    task = msgspec.structs.replace(task_of(row), **changes)
    return row.properties | {PRIVATE: msgspec.to_builtins(task)}


def public(row: Resource) -> dict[str, Any]:
    """The row's properties without the private part."""
    return {name: value for name, value in row.properties.items() if name != PRIVATE}


def vm_of(rid: ResourceId) -> ResourceId:
    """The VM, or the instance of a scale set, that a run command or an extension hangs on."""
    return msgspec.structs.replace(rid, chain=rid.chain[:-1])
