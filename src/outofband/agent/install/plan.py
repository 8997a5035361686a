"""Which steps an installation and a removal are. Pure: decided from what was found, touching nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outofband.agent import config
from outofband.agent.install import texts
from outofband.agent.install.look import AGENT_UNIT, HELPER_UNIT, HOME, STATE, USER, Found
from outofband.agent.install.steps import Account, Command, File, Folder, Gone, Link, NoAccount, Step
from outofband.core.paths import MARKER, Marker

GROUPS = ("kvm", "dialout")
"""Of /dev/kvm and of serial ports, as distributions name them."""
UNITS = Path("/lib/systemd/system")
MANAGER = Path("/lib/systemd/system.conf.d/azcmagent.conf")
PROFILE = Path("/etc/profile.d/azcmagent.sh")
INIT = Path("/etc/init.d/himdsd")
RUN = Path("/run/azcmagent")
LINKS = Path("/usr/local/bin")
PROGRAMS = {
    "azcmagent": "outofband.cli.azcmagent",
    "oob": "outofband.cli",
    "himds": "outofband.agent.himds",
    "himds-helper": "outofband.agent.helper.root",
    "himdsd": "outofband.agent.install.runner",
}
"""In /opt/azcmagent/bin, and what each runs."""
LINKED = ("azcmagent", "oob")
FOLDERS = {"agent": 0o700, "certs": 0o750, "guests": 0o750, "log": 0o2750, "run": 0o750, "tokens": 0o750}
"""Of the state, all the agent's user's; its group reads logs, certificates and what proves a program."""


class Place(msgspec.Struct, frozen=True):
    """Where files go. `root` is not `/` when a package is made: then there are no users and nothing runs."""

    root: Path = Path("/")

    @property
    def real(self) -> bool:
        return self.root == Path("/")

    def at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")


def install(found: Found, place: Place, *, python: str, version: str) -> list[Step]:
    """Everything before the agent is started. The same for the first time and for an upgrade."""
    at, owner = place.at, USER if place.real else None
    bin_folder = HOME / "bin"
    steps: list[Step] = [Account(USER, str(STATE), GROUPS)] if place.real else []
    # Root's own, so that the agent's user cannot put another folder in the place of its own ones.
    steps += [Folder(at(each), 0o755) for each in (HOME, bin_folder, STATE)]
    steps += [Folder(at(STATE / name), mode, owner) for name, mode in FOLDERS.items()]
    steps.append(File(at(STATE / "agent" / "agent.toml"), settings(), 0o600, owner, keep=True))
    steps += [
        File(at(bin_folder / name), texts.program(python, module), 0o755) for name, module in PROGRAMS.items()
    ]
    steps += [Link(at(LINKS / name), str(bin_folder / name)) for name in LINKED]
    steps.append(File(at(PROFILE), texts.profile()))
    if found.systemd or not place.real:
        steps += [
            File(at(MANAGER), texts.manager_environment()),
            File(at(UNITS / HELPER_UNIT), texts.helper_unit(str(bin_folder))),
            File(at(UNITS / AGENT_UNIT), texts.agent_unit(str(bin_folder), str(STATE), USER)),
        ]
    elif found.init_scripts:
        steps.append(File(at(INIT), texts.init_script(str(bin_folder)), 0o755))
    marker = Marker(state=str(STATE), version=version)
    steps.append(File(at(MARKER), msgspec.json.format(msgspec.json.encode(marker)).decode() + "\n"))
    return steps


def start(found: Found, place: Place) -> list[Step]:
    """Start the agent, or start it anew."""
    if not place.real:
        return []
    if not found.systemd:
        return [Command((str(HOME / "bin" / "himdsd"), "restart"))]
    return [
        Command(("systemctl", "daemon-reload")),
        Command(("systemctl", "enable", HELPER_UNIT, AGENT_UNIT)),
        Command(("systemctl", "restart", HELPER_UNIT, AGENT_UNIT)),
    ]


def stop(found: Found, place: Place) -> list[Step]:
    if not place.real:
        return []
    if not found.systemd:
        return [Command((str(HOME / "bin" / "himdsd"), "stop"))]
    return [Command(("systemctl", "disable", "--now", AGENT_UNIT, HELPER_UNIT))]


def remove(found: Found, place: Place, *, purge: bool) -> list[Step]:
    """Take away what `install` made; `purge`: also the state and the user that it belongs to."""
    at = place.at
    steps: list[Step] = [
        Gone(at(each)) for each in (UNITS / AGENT_UNIT, UNITS / HELPER_UNIT, MANAGER, PROFILE, INIT, RUN)
    ]
    steps += [Gone(at(MANAGER.parent), empty=True)]
    steps += [Gone(at(LINKS / name)) for name in LINKED if _is_ours(at(LINKS / name))]
    if found.systemd and place.real:
        steps.append(Command(("systemctl", "daemon-reload"), may_fail=True))
    if purge:
        steps.append(Gone(at(STATE)))
        if place.real:
            steps.append(NoAccount(USER))
    # Last: this program itself may run from there, and a removal that was interrupted is found by the marker.
    steps += [Gone(at(HOME)), Gone(at(MARKER)), Gone(at(MARKER.parent), empty=True)]
    return steps


def settings() -> str:
    """The first agent.toml: as everywhere, but programs on this server get its identity, as they expect."""
    text = config.DEFAULT.replace("# enabled = false", "enabled = true", 1)
    return text.replace('# group = ""', f'group = "{USER}"', 1)


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and str(link.readlink()).startswith(str(HOME))
