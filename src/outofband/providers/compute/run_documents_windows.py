"""Azure's run commands for Windows, with texts of our own that do the same and say what they changed.

None of them was seen on a real Windows: docs/howto/rdp-recovery.md.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.wire.steps import accounts, management, remote_desktop


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`script` is what is run when the caller gives none; empty where one must be given."""

    id: str
    system: str
    label: str
    about: str
    script: str = ""
    parameters: tuple[dict[str, Any], ...] = ()


def _windows(
    command: str, label: str, about: str, script: str = "", parameters: tuple[dict[str, Any], ...] = ()
) -> Document:
    return Document(
        id=command, system="Windows", label=label, about=about, script=script, parameters=parameters
    )


WINDOWS = (
    _windows(
        "RunPowerShellScript",
        "Run a PowerShell script",
        "Runs a PowerShell script in the guest.",
        parameters=({"name": "arg1", "type": "string"}, {"name": "arg2", "type": "string"}),
    ),
    _windows(
        "DisableNLA",
        "Disable network level authentication",
        "Lets clients without network level authentication in. Counts after a restart.",
        remote_desktop.disable_nla(),
    ),
    _windows(
        "DisableWindowsUpdate",
        "Disable automatic updates",
        "Switches automatic updates off by policy.",
        management.updates(wanted=False),
    ),
    _windows(
        "EnableAdminAccount",
        "Enable administrator account",
        "Enables the local administrator's account.",
        accounts.enable_administrator(),
    ),
    _windows(
        "EnableEMS",
        "Enable EMS",
        "Switches the serial console's SAC on. Counts after a restart.",
        management.enable_ems(),
    ),
    _windows(
        "EnableRemotePS",
        "Enable remote PowerShell",
        "Lets PowerShell be used from elsewhere, over HTTPS.",
        management.enable_remote_powershell(),
    ),
    _windows(
        "EnableWindowsUpdate",
        "Enable automatic updates",
        "Takes back the policy that switches automatic updates off.",
        management.updates(wanted=True),
    ),
    _windows(
        "IPConfig",
        "List IP configuration",
        "Shows the addresses of all network interfaces.",
        management.ip_configuration(),
    ),
    _windows(
        "RDPSettings",
        "Verify RDP Listener Settings",
        "Brings the RDP listener's settings to what they should be; in a domain it tells only.",
        remote_desktop.listener_settings(),
    ),
    _windows(
        "ResetRDPCert",
        "Restore RDP Authentication mode to defaults",
        "Takes the certificate away that was chosen for RDP; the security layer stays as it was.",
        remote_desktop.reset_certificate(),
    ),
    _windows(
        "SetRDPPort",
        "Set Remote Desktop port",
        "Chooses the port of the RDP listener.",
        remote_desktop.set_port(),
        ({"name": "RDPPort", "type": "string", "defaultValue": str(remote_desktop.USUAL_PORT)},),
    ),
)
