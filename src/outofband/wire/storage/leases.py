"""Leases of containers and blobs: a lock that runs out by itself, as a pure table of states."""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime, timedelta

import msgspec

from outofband.core.errors import Fault

INFINITE = -1
SHORTEST, LONGEST = 15, 60
"""Seconds of a lease that ends."""
_ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


class State(enum.StrEnum):
    AVAILABLE = "available"
    LEASED = "leased"
    EXPIRED = "expired"
    BREAKING = "breaking"
    BROKEN = "broken"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a row keeps. Its state depends on the time."""

    id: str
    seconds: int
    """INFINITE or the length of one term."""
    ends: float | None = None
    """Seconds since the epoch; None: never."""
    breaks: float | None = None
    """When a break takes effect; None while nobody broke it."""

    def state(self, now: datetime) -> State:
        moment = now.timestamp()
        if self.breaks is not None:
            return State.BREAKING if moment < self.breaks else State.BROKEN
        if self.ends is not None and moment >= self.ends:
            return State.EXPIRED
        return State.LEASED

    def locked(self, now: datetime) -> bool:
        return self.state(now) in (State.LEASED, State.BREAKING)


def shown(lease: Lease | None, now: datetime) -> dict[str, str]:
    """What answers say of it: `status`, `state`, and `duration` while it is leased."""
    if lease is None:
        return {"status": "unlocked", "state": State.AVAILABLE.value}
    found = {"status": "locked" if lease.locked(now) else "unlocked", "state": lease.state(now).value}
    if lease.state(now) is State.LEASED:
        found["duration"] = "infinite" if lease.seconds == INFINITE else "fixed"
    return found


def require(lease: Lease | None, given: str | None, now: datetime, *, of: str, writing: bool) -> None:
    """Whether an operation may go on. `of`: `Blob` or `Container`. A read needs the lease only if it names
    one.

    Raises Fault LeaseIdMissing, LeaseIdMismatchWith{of}Operation or LeaseNotPresentWith{of}Operation.
    """
    held = lease is not None and lease.locked(now)
    if given is None:
        if held and writing:
            raise Fault("LeaseIdMissing", what=of.lower())
        return
    if not held or lease is None:
        if of == "Blob":
            raise Fault("LeaseNotPresentWithBlobOperation")
        raise Fault("LeaseNotPresentWithContainerOperation")
    if lease.id != given.lower():
        if of == "Blob":
            raise Fault("LeaseIdMismatchWithBlobOperation")
        raise Fault("LeaseIdMismatchWithContainerOperation")


def acquire(lease: Lease | None, *, id: str, seconds: int, now: datetime) -> Lease:
    """Raises Fault LeaseAlreadyPresent, LeaseIsBreakingAndCannotBeAcquired or InvalidHeaderValue."""
    if seconds != INFINITE and not SHORTEST <= seconds <= LONGEST:
        raise Fault("InvalidHeaderValue", name="x-ms-lease-duration", value=str(seconds))
    state = lease.state(now) if lease else State.AVAILABLE
    if lease is not None and state is State.LEASED and lease.id != id:
        raise Fault("LeaseAlreadyPresent")
    if state is State.BREAKING:
        raise Fault("LeaseIsBreakingAndCannotBeAcquired")
    return Lease(id=id, seconds=seconds, ends=_end(seconds, now))


def renew(lease: Lease | None, id: str, now: datetime) -> Lease:
    """Also one that ran out, while nobody else took it. Raises Fault LeaseIdMismatchWithLeaseOperation or
    LeaseIsBrokenAndCannotBeRenewed.
    """
    held = _held(lease, id)
    if held.state(now) in (State.BREAKING, State.BROKEN):
        raise Fault("LeaseIsBrokenAndCannotBeRenewed")
    return msgspec.structs.replace(held, ends=_end(held.seconds, now))


def change(lease: Lease | None, id: str, proposed: str, now: datetime) -> Lease:
    """Raises Fault LeaseIdMismatchWithLeaseOperation, LeaseIsBreakingAndCannotBeChanged or
    LeaseNotPresentWithLeaseOperation.
    """
    if lease is not None and lease.state(now) is State.LEASED and lease.id == proposed:
        return lease
    held = _held(lease, id)
    match held.state(now):
        case State.LEASED:
            return msgspec.structs.replace(held, id=proposed)
        case State.BREAKING:
            raise Fault("LeaseIsBreakingAndCannotBeChanged")
    raise Fault("LeaseNotPresentWithLeaseOperation")


def release(lease: Lease | None, id: str) -> None:
    """Raises Fault LeaseIdMismatchWithLeaseOperation."""
    _held(lease, id)


def broken(lease: Lease | None, period: int | None, now: datetime) -> tuple[Lease, int]:
    """The lease after a break, and in how many seconds it takes effect. `period`: seconds asked for.

    Raises Fault LeaseNotPresentWithLeaseOperation or InvalidHeaderValue.
    """
    if period is not None and period > LONGEST:
        raise Fault("InvalidHeaderValue", name="x-ms-lease-break-period", value=str(period))
    if lease is None:
        raise Fault("LeaseNotPresentWithLeaseOperation")
    moment = now.timestamp()
    match lease.state(now):
        case State.BROKEN | State.EXPIRED:
            return msgspec.structs.replace(lease, breaks=lease.breaks or moment), 0
        case State.BREAKING:
            assert lease.breaks is not None
            at = lease.breaks if period is None else min(lease.breaks, moment + period)
        case _:
            rest = max(0.0, lease.ends - moment) if lease.ends is not None else float(period or 0)
            at = moment + (rest if period is None else min(float(period), rest))
    return msgspec.structs.replace(lease, breaks=at), max(0, round(at - moment))


def lease_id(given: str | None, name: str) -> str:
    """Raises Fault MissingRequiredHeader or InvalidHeaderValue."""
    if given is None:
        raise Fault("MissingRequiredHeader", name=name)
    if not _ID.fullmatch(given.lower()):
        raise Fault("InvalidHeaderValue", name=name, value=given[:80])
    return given.lower()


def _held(lease: Lease | None, id: str) -> Lease:
    if lease is None or lease.id != id:
        raise Fault("LeaseIdMismatchWithLeaseOperation")
    return lease


def _end(seconds: int, now: datetime) -> float | None:
    return None if seconds == INFINITE else (now.astimezone(UTC) + timedelta(seconds=seconds)).timestamp()
