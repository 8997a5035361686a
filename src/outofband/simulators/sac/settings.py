"""What one simulated machine is, and what it tells its surroundings."""

from __future__ import annotations

import dataclasses
import enum
import uuid

LABEL = "Windows console simulator (Outofband): this is not Windows"
"""In every place that belongs to the simulator itself, and not to what it plays."""
NAMESPACE = uuid.UUID("8d3f3b2e-5f0b-4c7b-9f39-2f1a1c0e7a11")


@dataclasses.dataclass(frozen=True)
class Release:
    """An edition of Windows Server, as far as its console differs."""

    title: str
    build: int
    xml: bool
    """An XML prelude is printed at boot: noted of Server 2022 on COM1."""
    debounces: bool
    """`cmd` drops the second of two equal characters that come close together. Noted of 2016 and 2019."""


RELEASES = {
    "2016": Release("Windows Server 2016", 14393, xml=False, debounces=True),
    "2019": Release("Windows Server 2019", 17763, xml=False, debounces=True),
    "2022": Release("Windows Server 2022", 20348, xml=True, debounces=False),
    "2025": Release("Windows Server 2025", 26100, xml=True, debounces=False),
}


def release(year: str) -> Release:
    """Raises KeyError for a year without a release."""
    return RELEASES[year]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Times are in seconds. All defaults that are times are guesses, except `settle_seconds`."""

    name: str = "WIN-SIM"
    release: Release = RELEASES["2022"]
    user: str = "Administrator"
    password: str = "simulator"  # noqa: S105 - there is nothing behind it
    wall: float = 1_772_762_800.0
    """Unix time at the simulator's time 0."""
    boot_seconds: float = 3.0
    """From the boot loader to SAC."""
    cmd_seconds: float = 2.0
    """From SAC to the event that says that `cmd` is there."""
    settle_seconds: float = 60.0
    """Neither restart nor shutdown happens before the machine is up that long (ReactOS does the same)."""
    logout_seconds: float = 900.0
    """A command prompt that nobody types at is logged out: that it is is known, after how long not."""
    report_seconds: float = 60.0
    """From one health report to the next while SAC is off."""
    bounce_seconds: float = 0.8
    """Equal characters that come closer together are a repeat. A pause of 1 s is known to help."""
    switch_xml: bool = False
    """Say a switch of channel in XML, too. Known from manuals of console servers; whether always is not."""

    def guid(self, what: str) -> str:
        """The same for the same machine and thing, always."""
        return str(uuid.uuid5(NAMESPACE, f"{self.name}/{what}"))


class Kind(enum.StrEnum):
    """What happened, for whoever runs the simulator."""

    BOOT = "boot"
    POWER_OFF = "powerOff"
    FAILED = "failed"
    STORED = "stored"
    """Boot settings were changed."""
    FILE = "file"
    """A file was written inside; `name` and `data` are its."""
    LOGIN = "login"
    LOGOUT = "logout"


@dataclasses.dataclass(frozen=True)
class Event:
    kind: Kind
    name: str = ""
    data: bytes = b""
