"""Every bound and every wait of the gateway, in one place; tests give shorter ones."""

from __future__ import annotations

import msgspec

from outofband.wire.console import OPEN_SECONDS
from outofband.wire.grant import GRANT_SECONDS


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and bytes, unless the name says otherwise."""

    open_seconds: float = OPEN_SECONDS
    """From the open socket to the first message."""
    dial_seconds: float = 10.0
    """From the request to the agent to its stream."""
    reattach_seconds: float = 30.0
    """How long a viewer's socket is kept while its agent is away."""
    alarm_seconds: float = 1.0
    """A stream that is back sooner is not worth a word."""
    recheck_seconds: float = 1.5
    """Age at most of the answer to "may this person still be here?"."""
    keepalive_seconds: float = 15.0
    dead_seconds: float = 45.0
    sweep_seconds: float = 2.0
    """How often sockets are looked after."""
    linger_seconds: float = 5.0
    """What a peer gets to read the last frames before its socket is cut."""
    replace_seconds: float = 1.0
    """What the agent gets to let go of a session that goes on over a new socket."""
    grant_seconds: float = GRANT_SECONDS
    renew_seconds: float = 600.0
    """A grant is renewed when it has this long to go."""

    sessions: int = 2000
    """Live sessions of this node."""
    pending: int = 1000
    """Tickets not used yet."""
    pending_tenant: int = 500
    """Of one tenant."""
    pending_person: int = 100
    """Of one person or program."""
    sockets: int = 5000
    fresh: int = 256
    """Sockets that have not said who they are."""
    write_high: int = 64 * 1024
    """Bytes that wait in this process for one socket before the other side is paused."""
    write_low: int = 16 * 1024
    kernel_buffer: int = 128 * 1024
    """Send and receive buffer of a socket in the kernel: what is in there is ahead of every notice."""
