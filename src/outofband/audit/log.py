"""The audit log of one node: its parts, in one value."""

from __future__ import annotations

from pathlib import Path

from outofband.audit.export import Exporter
from outofband.audit.keys import AuditKeys
from outofband.audit.retention import Retention
from outofband.audit.seal import Sealer
from outofband.store.store import Store


class AuditLog:
    """`days` is how long records are kept; `memory` is the sealer's file."""

    def __init__(self, store: Store, days: int, memory: Path | None = None) -> None:
        self.keys = AuditKeys(store)
        self.sealer = Sealer(store, self.keys, memory)
        self.exporter = Exporter(store, self.keys)
        self.retention = Retention(store, self.keys, days)
