"""The places of a Windows registry that steps look at and change, by the names that reports use.

`RT` is HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server, `TCP` its listener, `POL` the policy that
wins over both. `SET1` and `SET2` are the listener in the two sets that Windows boots from.
"""

from __future__ import annotations

import msgspec

from outofband.wire.steps.report import Value

RT = r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server"
PATHS = {
    "RT": RT,
    "TCP": RT + r"\WinStations\RDP-Tcp",
    "POL": r"HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services",
    "SET1": r"HKLM:\SYSTEM\ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp",
    "SET2": r"HKLM:\SYSTEM\ControlSet002\Control\Terminal Server\WinStations\RDP-Tcp",
    "AU": r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU",
}
HASH = "SSLCertificateSHA1Hash"
CERTIFICATES = (f"TCP.{HASH}", f"SET1.{HASH}", f"SET2.{HASH}")
"""Of the certificate that was chosen for the listener, in the current set and in the two numbered ones."""
UNLIMITED = 4294967295


class Setting(msgspec.Struct, frozen=True):
    path: str
    value: str
    kind: str = "DWord"


def setting(name: str) -> Setting:
    """Where `TCP.PortNumber` is. Raises KeyError for a name that is none of ours."""
    place, _, value = name.partition(".")
    return Setting(PATHS[place], value, "Binary" if value == HASH else "DWord")


RESET: dict[str, Value] = {
    "RT.fDenyTSConnections": 0,
    "RT.TSEnabled": 1,
    "RT.TSServerDrainMode": 0,
    "RT.TSUserEnabled": 0,
    "TCP.fEnableWinStation": 1,
    "TCP.fLogonDisabled": 0,
    "TCP.PortNumber": 3389,
}
"""What "reset configuration only" leaves."""

LISTENER: dict[str, Value] = {
    "POL.KeepAliveEnable": 1,
    "POL.KeepAliveInterval": 1,
    "POL.KeepAliveTimeout": 1,
    "POL.fDisableAutoReconnect": 0,
    "TCP.fInheritReconnectSame": 1,
    "TCP.fReconnectSame": 1,
    "TCP.fInheritMaxSessionTime": 1,
    "TCP.fInheritMaxDisconnectionTime": 1,
    "TCP.MaxDisconnectionTime": 0,
    "TCP.MaxConnectionTime": 0,
    "TCP.fInheritMaxIdleTime": 1,
    "TCP.MaxIdleTime": 0,
    "TCP.MaxInstanceCount": UNLIMITED,
    "TCP.LanAdapter": 0,
    "TCP.TSServerDrainMode": 0,
    "TCP.fQueryUserConfigFromLocalMachine": 1,
}
"""What `RDPSettings` expects of the listener."""
