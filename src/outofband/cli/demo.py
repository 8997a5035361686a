"""The demo guest and its VM: built once, offered by this host as image `demo`, created once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

NAME = "demo"
MEMORY_MIB = 256
RECIPE = Path(__file__).resolve().parents[3] / "guests" / "build.py"
"""In a source checkout, which is what `make up` runs in."""
_LAST_LINES = 4
_ERROR = re.compile(r"^error: (?P<message>.*?)\s*^remedy: (?P<remedy>.*)", re.MULTILINE | re.DOTALL)


class Guest(msgspec.Struct, frozen=True):
    """What `guests/build.py --json` describes."""

    kernel: str
    initrd: str
    cmdline: str
    username: str


def folder(state: StateDir) -> Path:
    return state.guests / NAME


def password_file(state: StateDir) -> Path:
    return folder(state) / "password"


def built(state: StateDir) -> Guest | None:
    """The guest as it was built, if it is there."""
    try:
        found = msgspec.json.decode((folder(state) / "built.json").read_bytes(), type=Guest)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if Path(found.kernel).exists() and Path(found.initrd).exists() else None


def build(state: StateDir, detail: Callable[[str], None]) -> Guest:
    """Build the guest from Debian's packages. Raises Fault SourceNotFound or GuestBuildFailed."""
    if not RECIPE.exists():
        raise Fault("SourceNotFound")
    command = [sys.executable, str(RECIPE), "--out", str(folder(state)), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        words: list[str] = []
        for line in child.stderr:
            words.append(line)
            detail(line.strip())
        answer = child.stdout.read()
    if child.returncode != 0:
        raise _failure("".join(words))
    guest = msgspec.json.decode(answer, type=Guest)
    write_private(folder(state) / "built.json", answer)
    return guest


def find(client: ArmClient, name: str = NAME) -> dict[str, Any] | None:
    """The demo VM, if there is one; or the one called `name`."""
    try:
        found: dict[str, Any] = client.get(client.vm(name), **{"$expand": "instanceView"})
    except Fault as fault:
        if fault.code == "ResourceNotFound":
            return None
        raise
    return found


def create(client: ArmClient, detail: Callable[[str], None]) -> None:
    """Make it and start it; one whose making failed before is made once more."""
    definition = {"driver": "qemu", "image": NAME, "memoryMiB": MEMORY_MIB, "cpus": 1}
    body = {"location": "local", "properties": {"outofband": definition}}
    client.put(client.vm(NAME), body, progress=lambda status, seconds: detail(f"{status}, {seconds:.0f} s"))


def once(state: StateDir) -> Path:
    """Stands there after the demo VM was created the first time: who deletes it does not get it back."""
    return folder(state) / "created"


def _failure(words: str) -> Fault:
    if found := _ERROR.search(words):
        return Fault("GuestBuildFailed", detail=found["message"], remedy=found["remedy"].strip())
    last = " ".join(line.strip() for line in words.splitlines()[-_LAST_LINES:])
    return Fault("GuestBuildFailed", detail=last or "it said nothing", remedy="Run `oob up` again.")
