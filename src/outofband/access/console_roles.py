"""Roles of our own for consoles: parts of what Azure has in one action (`serialPorts/connect/action`)."""

from __future__ import annotations

from outofband.access.role import Permission, Role

CONSOLE_OBSERVER = "5d0c3c1e-6b1f-4f0e-9a55-0f6c1d1a7b01"
CONSOLE_OPERATOR = "5d0c3c1e-6b1f-4f0e-9a55-0f6c1d1a7b02"

_SEES = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/instanceView/read",
    "Microsoft.Compute/virtualMachineScaleSets/read",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    "Microsoft.HybridCompute/machines/read",
    "Microsoft.SerialConsole/serialPorts/read",
    "Microsoft.SerialConsole/serialPorts/observe/action",
    "Microsoft.SerialConsole/serialPorts/tail/action",
    "Microsoft.SerialConsole/serialPorts/log/action",
    "Microsoft.SerialConsole/serialPorts/screenshot/action",
    "Outofband.Console/policies/read",
)

CONSOLE_ROLES = (
    Role(
        id=CONSOLE_OBSERVER,
        name="Serial Console Observer",
        description="Watches consoles, their logs and screens, without typing or changing anything.",
        permissions=(Permission(actions=_SEES),),
    ),
    Role(
        id=CONSOLE_OPERATOR,
        name="Serial Console Operator",
        description="Watches and types on consoles, without taking the keyboard from somebody who types, "
        "and without power over the machines.",
        permissions=(Permission(actions=(*_SEES, "Microsoft.SerialConsole/serialPorts/type/action")),),
    ),
)
