"""What a system prints that cannot be talked to: XML, health reports, and packets for a kernel debugger."""

from __future__ import annotations

import datetime
import json
import struct
from xml.sax.saxutils import escape

from outofband.simulators.sac.settings import LABEL, Settings

BREAK_IN = 0x62
DATA, CONTROL = 0x30303030, 0x69696969
DEBUG_IO, RESET = 3, 6
FIRST_ID = 0x80800000
TRAILER = b"\xaa"


def element(name: str, *children: tuple[str, str]) -> bytes:
    """One of SAC's XML elements. What goes around it, if anything, is not known."""
    lines = [f"<{name}>", *(f"<{tag}>{escape(text)}</{tag}>" for tag, text in children), f"</{name}>", ""]
    return "\r\n".join(lines).encode()


def machine_info(settings: Settings) -> bytes:
    return element(
        "machine-info",
        ("name", settings.name),
        ("guid", settings.guid("machine")),
        ("processor-architecture", "AMD64"),
        ("os-version", "10.0"),
        ("os-build-number", str(settings.release.build)),
        ("os-product", settings.release.title),
        ("os-service-pack", "None"),
    )


def health_report(settings: Settings, now: float) -> bytes:
    """The keys after the network adapters, and the last line, are our guess."""
    at = datetime.datetime.fromtimestamp(settings.wall + now, datetime.UTC)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond:06d}0Z"
    address = {"protocolVersion": 4, "address": "10.0.0.4", "isDhcpEnabled": True}
    adapter = {"name": "Ethernet", "status": "Up", "macAddress": "00155D000401", "ipProperties": [address]}
    report = {"reportTime": stamp, "networkAdapters": [adapter], "simulatedBy": LABEL}
    lines = [
        f"======== Microsoft Azure VM Health Report - Start {stamp} ========",
        json.dumps(report, separators=(",", ":")),
        f"======== Microsoft Azure VM Health Report - End {stamp} ========",
    ]
    return "\r\n".join([*lines, ""]).encode()


def packet(leader: int, kind: int, number: int, body: bytes = b"") -> bytes:
    """A packet of the kernel debugger's serial protocol: leader, type, length, id, sum of the bytes, body."""
    head = struct.pack("<IHHII", leader, kind, len(body), number, sum(body) & 0xFFFFFFFF)
    return head + (body + TRAILER if body else b"")


def debugger_print(text: str, number: int) -> bytes:
    """A line for the debugger's window (DbgKdPrintString), as the kernel sends it at boot."""
    line = text.encode()
    head = struct.pack("<IHHI", 0x3230, 6, 0, len(line))
    return packet(DATA, DEBUG_IO, FIRST_ID | (number & 1), head.ljust(16, b"\0") + line)


def debugger_reset() -> bytes:
    """The kernel asks whether a debugger is there. How often it does without one is our guess."""
    return packet(CONTROL, RESET, FIRST_ID)
