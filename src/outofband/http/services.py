"""What the edge needs of the program, given to it by the composition (server/)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from outofband.access.authorizer import Authorizer
from outofband.audit.log import AuditLog
from outofband.consoles.gateway import Gateway
from outofband.consoles.sessions import Sessions
from outofband.diagnostics.measures import Measures
from outofband.fleet.fleet import Fleet
from outofband.identity.authority import Authority
from outofband.identity.directory import Directory
from outofband.resources.kernel import Kernel
from outofband.resources.registry import Registry
from outofband.storage.service import Storage
from outofband.store.store import Store


class Services(Protocol):
    @property
    def store(self) -> Store: ...

    @property
    def registry(self) -> Registry: ...

    @property
    def gateway(self) -> Gateway: ...

    @property
    def kernel(self) -> Kernel: ...

    @property
    def authority(self) -> Authority: ...

    @property
    def authorizer(self) -> Authorizer: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def fleet(self) -> Fleet: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def storage(self) -> Storage: ...

    @property
    def measures(self) -> Measures: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def unready(self) -> Callable[[], str | None]:
        """Why this node cannot serve yet, or any more; None when it can."""
