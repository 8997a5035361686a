"""What Azure's network watchers do besides, and nothing here does: each says why, and what helps instead."""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call

_REASONS = {
    "troubleshoot": "VPN gateways, which it is about, are not offered here: for a VM ask connectivityCheck, "
    "or oob rescue",
    "queryTroubleshootResult": "VPN gateways, which it is about, are not offered here: for a VM ask "
    "connectivityCheck, or oob rescue",
    "configureFlowLog": "Flows are not recorded here: whom its host turns away stands in the agent's log",
    "queryFlowLogStatus": "Flows are not recorded here: whom its host turns away stands in the agent's log",
    "azureReachabilityReport": "It is about Azure's own regions",
    "availableProvidersList": "It is about providers of Azure's own regions",
    "topology": "No picture of a resource group is made here: interfaces name their networks, groups and VMs",
}
_ABOUT = "A question of Azure's network watchers that is not answered here"


def unoffered() -> dict[str, Act]:
    """By the name of the action, one that raises Fault ActionNotOffered."""
    return {name: _refusing(why) for name, why in _REASONS.items()}


def _refusing(why: str) -> Act:
    async def refuse(call: Call, item: Item, body: Any) -> Answer:
        raise Fault("ActionNotOffered", why=why)

    return Act(run=refuse, about=f"{_ABOUT}: {why}")
