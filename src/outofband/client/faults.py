"""Faults as a client meets them: the server's own words where it told of one, else the catalogue's."""

from __future__ import annotations

from typing import Any

from outofband.catalogue import Explained, explain
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT


class RemoteFault(Fault):
    """A failure the server told of, with its words for it and the id that its log knows the request by."""

    def __init__(self, explained: Explained, request_id: str = "", /, **fields: Any) -> None:
        super().__init__(explained.code, **fields)
        self.explained = explained
        self.request_id = request_id


def explained(fault: Fault, locale: str = DEFAULT) -> Explained:
    """What to tell a person of a fault; a server was asked to speak the person's language itself."""
    return fault.explained if isinstance(fault, RemoteFault) else explain(fault, locale)
