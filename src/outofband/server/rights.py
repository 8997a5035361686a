"""Who may be at a console, on what the store says now: one unit of work for everybody who is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from outofband.access import decision
from outofband.access.custom_roles import roles_of
from outofband.access.role import Role
from outofband.consoles.rights import CONNECT, OBSERVE, TAKE_OVER, TYPE, Extra, Subject, Verdict
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.core.principal import Principal, PrincipalKind
from outofband.providers.compute.shape import console_switch, ends_login
from outofband.store.assignments import Assignment
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.grant import Mode

_WATCH: frozenset[Mode | Extra] = frozenset({Mode.OBSERVE})
_TYPE: frozenset[Mode | Extra] = frozenset({Mode.OBSERVE, Mode.WRITE})
_EVERYTHING: frozenset[Mode | Extra] = frozenset({Mode.OBSERVE, Mode.WRITE, Extra.TAKE_OVER})


class _Held(msgspec.Struct, frozen=True):
    assignments: Sequence[Assignment]
    roles: Mapping[str, Role]


_NOTHING = _Held((), {})


class ConsoleRights:
    """`consoles.rights.Rights`. Azure's one right is the whole console; ours are parts of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, subjects: Sequence[Subject]) -> list[Verdict]:
        callers = {
            (each.principal.tenant, each.principal.kind, each.principal.object_id) for each in subjects
        }
        sessions = {each.principal.session for each in subjects if each.principal.session is not None}
        places = {each.subscription.lower() for each in subjects}
        async with self._store.read() as tx:
            assigned = {caller: await self._assigned(tx, *caller) for caller in callers}
            signed_in = await self._store.sign_ins.not_ended(tx, sessions)
            disabled = {place for place in places if await self._store.console_settings.disabled(tx, place)}
            ends = {place for place in places if await self._store.console_settings.end_login(tx, place)}
            weak = {each.object_id for each in signed_in.values() if not each.mfa}
            tenants = {each.principal.tenant for each in subjects if each.principal.object_id in weak}
            strict = {
                each for each in tenants if (await self._store.sign_in_policies.get(tx, each)).require_mfa
            }
            vms = {vm: await self._store.resources.get(tx, vm) for vm in {each.vm_id for each in subjects}}

        def held(principal: Principal) -> _Held:
            # A console outlives the token it was opened with, and the time of the sign-in too: it ends when
            # somebody ends that.
            out = principal.kind is PrincipalKind.USER and principal.session not in signed_in
            return _NOTHING if out else assigned[principal.tenant, principal.kind, principal.object_id]

        def lacks_factor(principal: Principal) -> bool:
            """A sign-in from before the tenant required a second factor."""
            session = signed_in.get(principal.session or "")
            return principal.tenant in strict and session is not None and not session.mfa

        def verdict(subject: Subject) -> Verdict:
            if lacks_factor(subject.principal):
                return Fault("MfaRequired", name=subject.principal.name)
            place, row = subject.subscription.lower(), vms[subject.vm_id]
            # A VM that is deleted ends its sessions itself, with its port.
            switched = console_switch(row) if row is not None else None
            found = _verdict(subject, held(subject.principal), place in disabled, switched)
            # A server has no policy of its own: its subscription's holds.
            ending = ends_login(row, place in ends) if row is not None else place in ends
            if isinstance(found, Fault) or not ending:
                return found
            return found | {Extra.END_LOGIN}

        return [verdict(each) for each in subjects]

    async def _assigned(self, tx: Tx, tenant: str, kind: PrincipalKind, object_id: str) -> _Held:
        """Assignments of a principal; none when it was disabled or removed."""
        if kind is PrincipalKind.USER:
            user = await self._store.people.get(tx, object_id)
            out = user is None or user.disabled or user.must_change
        else:
            client = await self._store.principals.get(tx, object_id)
            out = client is None or client.disabled
        if out:
            return _NOTHING
        held = await self._store.assignments.of_caller(tx, object_id)
        return _Held(held, await roles_of(self._store, tx, tenant, held))


def _verdict(subject: Subject, held: _Held, disabled: bool, switched: Fault | None) -> Verdict:
    if disabled:
        return Fault("ConsoleDisabledForSubscription", subscription=subject.subscription)
    if switched is not None:
        return switched
    port = parse_id(subject.vm_id).extension("Microsoft.SerialConsole", "serialPorts", subject.port)

    def may(action: str) -> bool:
        return decision.allowed(action, str(port), held.assignments, held.roles)

    if may(CONNECT):
        return _EVERYTHING
    if may(TYPE):
        return _EVERYTHING if may(TAKE_OVER) else _TYPE
    return _WATCH if may(OBSERVE) else Fault("AccessRevoked", action=CONNECT)
