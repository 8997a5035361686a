"""The rules that let connections in: added under free names, and taken away while they are ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.network.house import SECURITY_RULES
from outofband.providers.network.house import VERSION as NETWORK_VERSION
from outofband.providers.rescues.asking import Asking, Need, forgotten, undo_key
from outofband.rescue import rules
from outofband.rescue.doing import Errand, Told
from outofband.rescue.run import Done, Run
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.arm.operations import Status

_TRIES = 5
"""To read and take away a rule of a group that others write at the same time."""


class AddRules:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def needs(self, errand: Errand, row: Resource, tx: Tx) -> list[Need]:
        # Which groups they are is known only when they were looked at; the kernel asks for it there.
        return [Need(f"{SECURITY_RULES}/write", str(ResourceId(subscription=errand.vm.subscription)))]

    async def do(self, errand: Errand, run: Run, done: Done) -> Told:
        made: list[str] = []
        for number, addition in enumerate(_additions(done)):
            path = _path(addition)
            body = {"properties": rules.properties(addition)}
            try:
                # A rule that somebody makes in this moment under this name is theirs, and stays.
                await self._asking.once(
                    errand, f"{done.key}:{number}", "PUT", path, NETWORK_VERSION, body, new=True
                )
            except Fault as fault:
                if fault.code not in PASSING:
                    await self._take_back(errand, f"{done.key}:back", done, made)
                raise
            made.append(path)
        return Told(effects=tuple(made))

    async def undo(self, errand: Errand, run: Run, done: Done) -> tuple[Fault, ...]:
        if done.ended and done.problem is None:
            return await self._take_back(errand, undo_key(errand, done), done, done.effects)
        if forgotten(done):
            return (Fault("RescueUndoUnknown", deed=done.wish.deed.value),)
        return await self._take_back(errand, undo_key(errand, done), done, await self._made(done))

    async def _made(self, done: Done) -> list[str]:
        """The rules of a deed of which nobody saw the end: the run was stopped meanwhile."""
        made: list[str] = []
        for number, addition in enumerate(_additions(done)):
            operation = await self._asking.earlier(f"{done.key}:{number}")
            if operation is not None and operation.status is Status.SUCCEEDED:
                made.append(_path(addition))
        return made

    async def _take_back(
        self, errand: Errand, key: str, done: Done, made: Sequence[str]
    ) -> tuple[Fault, ...]:
        """What stays: rules that somebody has made theirs since."""
        additions = {_path(each): each for each in _additions(done)}
        stays: list[Fault] = []
        for number, path in enumerate(reversed(made)):
            fault = await self._remove(errand, f"{key}:{number}", path, additions[path])
            stays += [fault] if fault is not None else []
        return tuple(stays)

    async def _remove(self, errand: Errand, key: str, path: str, ours: rules.Addition) -> Fault | None:
        for _ in range(_TRIES):
            match = None
            if await self._asking.begun(key) is None:
                now = await self._asking.read(errand, key, path, NETWORK_VERSION)
                if now is None:
                    return None
                if not rules.is_ours(now["properties"], ours):
                    group = ours.group.rpartition("/")[2]
                    return Fault("RescueRuleChanged", rule=ours.name, group=group)
                match = now.get("etag")
            try:
                await self._asking.once(errand, key, "DELETE", path, NETWORK_VERSION, match=match)
                return None
            except Fault as fault:
                if fault.code != "PreconditionFailed":
                    raise
                # The group was written since it was read, and perhaps this rule.
                overtaken = fault
        raise overtaken


def _additions(done: Done) -> list[rules.Addition]:
    given: list[dict[str, Any]] = done.wish.args["rules"]
    return [msgspec.convert(each, rules.Addition) for each in given]


def _path(addition: rules.Addition) -> str:
    return f"{addition.group}/securityRules/{addition.name}"
