"""Classic VMs with az, as docs/howto/classic-vms.md has it."""

from __future__ import annotations

from tests.peers.az import Clients
from tests.peers.az_documents import blocks
from tests.peers.house import House


def test_the_lines_of_the_document(house: House, azure: Clients) -> None:
    made, used = blocks("classic-vms.md", "bash")
    said = azure.bash(made)
    assert '"endpointName": "SSH"' in said.out
    said = azure.bash(used)
    assert '"publicPort": 50000' in said.out
    kind = ("--resource-type", "Microsoft.ClassicCompute/virtualMachines")
    assert azure.json("resource", "list", "--resource-group", "demo", *kind) == []
    # The VM is what it was.
    assert azure.json("vm", "show", "--resource-group", "demo", "--name", "demo")["name"] == "demo"
