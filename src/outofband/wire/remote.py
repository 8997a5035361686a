"""`outofband.probe/1`: whether a machine can be reached by Remote Desktop or SSH, and what stands in the way.

The same document wherever the look is taken: from a person's own network, from the control plane, from the
VM's host. `where` says which.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT

SCHEMA = "outofband.probe/1"


class Protocol(enum.StrEnum):
    RDP = "rdp"
    SSH = "ssh"


PORTS = {Protocol.RDP: 3389, Protocol.SSH: 22}


class Where(enum.StrEnum):
    """Whose network was looked from."""

    CLIENT = "client"
    CONTROL_PLANE = "controlPlane"
    HOST = "host"


class Word(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing found, in the catalogue's words."""

    code: str
    title: str
    message: str
    cause: str = ""
    remedy: list[str] = []


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`works`: as deep as was looked. `evidence` is what was seen, by names that stay: of the way (dns,
    route, tcp), of `rdp` or of `ssh`.
    """

    schema: str = SCHEMA
    where: Where
    protocol: Protocol
    host: str
    port: int
    address: str = ""
    works: bool
    began: str
    seconds: float
    problem: Word | None = None
    warnings: list[Word] = []
    evidence: dict[str, Any] = {}


def word(fault: Fault, locale: str = DEFAULT) -> Word:
    told = explain(fault, locale)
    return Word(code=told.code, title=told.title, message=told.message, cause=told.cause, remedy=told.remedy)
