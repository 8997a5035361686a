"""The commands that Azure knows by an id, in `locations/{l}/runCommands`: which there are and what they do.

Each is for one system: asked for in a guest of the other one it is refused, as Azure does.
"""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.compute.run_documents_windows import WINDOWS, Document
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.tx import Tx

TYPE = "Microsoft.Compute/locations/runCommands"
SCHEMA = "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json"
SHELL_SCRIPT = "RunShellScript"
POWERSHELL_SCRIPT = "RunPowerShellScript"


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
    *WINDOWS,
)


def find(command: str) -> Document | None:
    """By id, whatever its case."""
    return next((each for each in DOCUMENTS if each.id.lower() == command.lower()), None)


def require(command: str, vm: str, *, windows: bool) -> Document:
    """The command that can be run in a guest. Raises Fault InvalidParameter or OperationNotAllowed."""
    system = "Windows" if windows else "Linux"
    found = find(command)
    if found is None:
        known = ", ".join(each.id for each in DOCUMENTS if each.system == system)
        detail = f"'{command[:80]}' is not known; there are {known}"
        raise Fault("InvalidParameter", target="commandId", detail=detail)
    if found.system != system:
        usual = POWERSHELL_SCRIPT if windows else SHELL_SCRIPT
        detail = (
            f"The command '{found.id}' is for {found.system}. In the VM '{vm}' only commands for {system}"
            f" can be run, for example '{usual}'."
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
