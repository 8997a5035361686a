"""What there is on this server: another maker's agent, one of ours, systemd, whose machine it is."""

from __future__ import annotations

import errno
import shutil
import socket
import subprocess
from pathlib import Path

import msgspec

from outofband.agent.facts import provider
from outofband.agent.install.texts import IDENTITY_PORT, MARK
from outofband.core import paths

HOME = Path("/opt/azcmagent")
STATE = Path("/var/opt/azcmagent")
USER = "himds"
PACKAGE = "azcmagent"
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
AGENT_UNIT, HELPER_UNIT = "himdsd.service", "himdsd-helper.service"
_MAX_FILE = 64 * 1024


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`foreign` tells what is another maker's, in words; `ours` whether this is an upgrade. `cloud`: whose
    machine this is, if it is one of a cloud that has a metadata endpoint of its own.
    """

    systemd: bool
    init_scripts: bool
    ours: bool
    foreign: tuple[str, ...] = ()
    cloud: str = ""


def look(root: Path = Path("/")) -> Found:
    """`root` is where the system's files are; what runs is asked only of the real one."""
    real = root == Path("/")
    marker = paths.read_marker(root)
    foreign: list[str] = []
    for name in ("bin/azcmagent", "bin/himds"):
        if _is_foreign(_below(root, HOME / name)):
            foreign.append(f"{HOME / name} is another maker's")
    for folder in UNIT_FOLDERS:
        if _is_foreign(_below(root, Path(folder) / AGENT_UNIT)):
            foreign.append(f"{folder}/{AGENT_UNIT} is another maker's")
    if _below(root, Path("/var/lib/dpkg/info") / f"{PACKAGE}.list").exists() or (real and _has_rpm()):
        foreign.append(f"the package {PACKAGE} is installed")
    if real and marker is None and _is_taken(IDENTITY_PORT):
        foreign.append(f"something answers at port {IDENTITY_PORT} already")
    return Found(
        systemd=real and Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None,
        init_scripts=_below(root, Path("/etc/init.d")).is_dir(),
        ours=marker is not None,
        foreign=tuple(dict.fromkeys(foreign)),
        cloud=_cloud(root) if real else "",
    )


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _is_foreign(path: Path) -> bool:
    """Whether there is something that does not say that it is ours."""
    try:
        with path.open("rb") as file:
            return MARK.encode() not in file.read(_MAX_FILE)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _has_rpm() -> bool:
    if (rpm := shutil.which("rpm")) is None:
        return False
    try:
        said = subprocess.run([rpm, "-q", PACKAGE], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0


def _is_taken(port: int) -> bool:
    with socket.socket() as trying:
        # What has just gone may linger there; that is nobody's.
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _cloud(root: Path) -> str:
    firmware = root / "sys/class/dmi/id"

    def read(name: str) -> str:
        try:
            return (firmware / name).read_text(errors="replace").strip()
        except OSError:
            return ""

    return provider(*map(read, ("sys_vendor", "product_name", "chassis_asset_tag", "bios_vendor")))
