"""Tells this machine from a copy of its disk: by what its system and firmware call it, and the agent's key.

The firmware's id can be read by root alone. An agent that runs as a user of its own finds it in a file that
root writes anew at each start of the system, or goes by the system's id (which a copy has too, until the
copy is prepared as its distribution says).
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from outofband.core.errors import Fault
from outofband.wire.connecting import fingerprint

MACHINE_IDS = ("etc/machine-id", "var/lib/dbus/machine-id")
UUIDS = ("sys/class/dmi/id/product_uuid", "run/azcmagent/product_uuid")
"""The firmware's own, and where root leaves it for the agent's user: on a file system that is in no image."""
MAX_ID = 256
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOBODYS = re.compile(r"[0-]*|[f-]*|03000200-0400-0500-0006-000700080009")
"""What firmware says that was never told: the same on many machines."""


class Hardware(msgspec.Struct, frozen=True):
    """Lower case; empty where it is not known."""

    machine_id: str = ""
    uuid: str = ""


class Fingerprints(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`whole` is of all that was known, `system` of the system's id alone. Empty: nothing was."""

    whole: str = ""
    system: str = ""


def read(root: Path = Path("/")) -> Hardware:
    machine_id = next((text for name in MACHINE_IDS if (text := _text(root / name))), "")
    uuids = (text for name in UUIDS if _UUID.fullmatch(text := _text(root / name)))
    uuid = next((text for text in uuids if not _NOBODYS.fullmatch(text)), "")
    # A new image has the word that says that there is none yet.
    return Hardware("" if machine_id == "uninitialized" else machine_id, uuid)


def fingerprints(public_key: str, found: Hardware) -> Fingerprints:
    return Fingerprints(
        whole=fingerprint(public_key, found.machine_id, found.uuid),
        system=fingerprint(public_key, found.machine_id, ""),
    )


def recognised(name: str, remembered: Fingerprints, now: Fingerprints) -> str:
    """What the link's hello says of this machine, `name`. Raises Fault AgentCloned when it is another one
    than remembered.
    """
    if not remembered.whole:
        return now.whole
    if not now.whole or now.whole == remembered.whole:
        return remembered.whole
    # Another user may read less: then the system's id decides.
    less = now.whole == now.system or remembered.whole == remembered.system
    if less and now.system == remembered.system:
        return remembered.whole
    raise Fault("AgentCloned", agent=name)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_ID).decode("ascii", errors="replace").strip().lower()
    except OSError:
        return ""
