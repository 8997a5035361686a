"""The commands that Azure knows by an id, in `locations/{l}/runCommands`: which there are and what they do.

Those for Windows are listed, because clients choose from the list, and refused where they are asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.tx import Tx

TYPE = "Microsoft.Compute/locations/runCommands"
SCHEMA = "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json"
SHELL_SCRIPT = "RunShellScript"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`script` is what is run when the caller gives none; empty where one must be given."""

    id: str
    system: str
    label: str
    about: str
    script: str = ""
    parameters: tuple[dict[str, Any], ...] = ()


_NETWORK = """\
if command -v ip >/dev/null; then ip addr; else ifconfig -a; fi
"""

DOCUMENTS = (
    Document(
        id=SHELL_SCRIPT,
        system="Linux",
        label="Run a Linux shell script",
        about="Runs a shell script in the guest.",
        parameters=({"name": "arg1", "type": "string"}, {"name": "arg2", "type": "string"}),
    ),
    Document(
        id="ifconfig",
        system="Linux",
        label="List network configuration",
        about="Shows the addresses of all network interfaces.",
        script=_NETWORK,
    ),
    Document(
        id="RunPowerShellScript",
        system="Windows",
        label="Run a PowerShell script",
        about="Runs a PowerShell script in the guest.",
    ),
    Document(
        id="EnableRemotePS",
        system="Windows",
        label="Enable remote PowerShell",
        about="Lets PowerShell be used from elsewhere.",
    ),
    Document(
        id="EnableAdminAccount",
        system="Windows",
        label="Enable administrator account",
        about="Enables the local administrator's account.",
    ),
    Document(
        id="IPConfig",
        system="Windows",
        label="List IP configuration",
        about="Shows the addresses of all network interfaces.",
    ),
    Document(
        id="RDPSettings",
        system="Windows",
        label="Verify RDP Listener Settings",
        about="Shows how the RDP listener is set up.",
    ),
    Document(
        id="ResetRDPCert",
        system="Windows",
        label="Restore RDP Authentication mode to defaults",
        about="Takes the certificate away that was chosen for RDP.",
    ),
    Document(
        id="SetRDPPort",
        system="Windows",
        label="Set Remote Desktop port",
        about="Chooses the port of the RDP listener.",
    ),
)


def find(command: str) -> Document | None:
    """By id, whatever its case."""
    return next((each for each in DOCUMENTS if each.id.lower() == command.lower()), None)


def require(command: str, vm: str) -> Document:
    """The command that can be run in a Linux guest. Raises Fault InvalidParameter or OperationNotAllowed."""
    found = find(command)
    if found is None:
        known = ", ".join(each.id for each in DOCUMENTS if each.system == "Linux")
        detail = f"'{command[:80]}' is not known; there are {known}"
        raise Fault("InvalidParameter", target="commandId", detail=detail)
    if found.system != "Linux":
        detail = (
            f"The command '{found.id}' is for Windows. In the VM '{vm}' only commands for Linux can be run,"
            f" for example '{SHELL_SCRIPT}'."
        )
        raise Fault("OperationNotAllowed", detail=detail)
    return found


class RunDocuments:
    """A source without rows: every location of every subscription has the same."""

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a command that VMs know by its id",
            many="commands that VMs know by their ids",
            since="2017-03-30",
            version="2024-11-01",
            source=self,
            places=frozenset({Place.SUBSCRIPTION}),
            lists=frozenset({Place.RESOURCE}),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = find(rid.name)
        if found is None:
            return None
        script = found.script.splitlines()
        parameters = [dict(each) for each in found.parameters]
        return Item(rid=rid, body={**_base(found), "script": script, "parameters": parameters})

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[Item(rid=call.rid, body=_base(each)) for each in DOCUMENTS])


def _base(document: Document) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "id": document.id,
        "osType": document.system,
        "label": document.label,
        "description": document.about,
    }
