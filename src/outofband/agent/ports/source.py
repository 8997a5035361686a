"""Where a port's output comes from and its input goes to, as the broker sees it."""

from __future__ import annotations

from typing import Protocol

from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.spool import Spool


class Listener(Protocol):
    """What a source tells its broker."""

    def grown(self) -> None:
        """There may be new output in the spool."""
        ...

    def taken(self) -> None:
        """The port took more of the pending input."""
        ...

    def undeliverable(self) -> None:
        """Nobody is there for the pending input: to be discarded, or whoever comes next would get it."""
        ...

    def changed(self) -> None:
        """`connected` or `fault` is another now."""
        ...


class Source(Protocol):
    """One port's way in and out. Nothing in here waits for the port."""

    hub: PortHub
    writes_spool: bool
    """The source itself appends to the spool; otherwise somebody else does, unseen."""

    @property
    def connected(self) -> bool:
        """Whether the port is connected; one that is only dialled to type may well be reachable without."""
        ...

    fault: tuple[str, dict[str, object]] | None
    """Catalogue code and fields of what is wrong with the port, or None."""

    def open(self, spool: Spool, listener: Listener) -> None: ...

    def close(self) -> None: ...

    def want_input(self, wanted: bool) -> None:
        """A writer is attached, or is not."""
        ...

    def watch(self, watched: bool) -> None:
        """Somebody looks at the output and wants it soon."""
        ...

    def arm(self) -> None:
        """Call `grown` once more when the log grows; the caller looks again after this call."""
        ...

    def rest(self) -> bool:
        """Nobody waits for each byte. True: until `arm`, `grown` comes up to a tenth of a second late, and by
        itself; False: it has to be looked, as before.
        """
        ...

    def write(self, data: bytes) -> bool:
        """Queue input; False, and nothing taken, when too much is untaken already."""
        ...

    def discard(self) -> int:
        """Forget input that is still queued; how many bytes."""
        ...

    def take_back(self) -> int:
        """Throw away what the port has got and nobody has read, where that can be done; how many bytes."""
        ...

    @property
    def queued(self) -> int:
        """Bytes of input ever queued."""
        ...

    @property
    def delivered(self) -> int:
        """Bytes of input the port has got, in the same count."""
        ...

    @property
    def settled(self) -> bool:
        """All of it was read, as far as can be told: nothing waits in the kernel either."""
        ...

    def tick(self, now: float) -> None:
        """About once a second, monotonic seconds."""
        ...
