"""Machine definitions: checked as input from outside, kept one per folder, whole or not at all.

A definition comes from a control plane that this host need not trust further than its own configuration goes
(D4). Its id becomes a folder's name and its words become arguments of QEMU, so both are narrow here.
"""

from __future__ import annotations

import secrets
import shutil
import uuid
from pathlib import Path
from typing import Any

import msgspec
import structlog

from outofband.agent.config import NAME
from outofband.agent.hypervisors.command import MAX_PORTS
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.wire.machine import MachineDefinition, Power

DRIVERS = ("qemu", "unix", "pty", "uart")
MIN_MEMORY_MIB = 16
MAX_MEMORY_MIB = 4 * 1024 * 1024
MAX_CPUS = 255
_FILE = "machine.json"
_CONDITION = "power.json"
_DELETED = ".deleted-"

log = structlog.get_logger(__name__)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a machine beside its definition: `boots` counts starts and resets."""

    power: Power
    since: str
    boots: int = 0
    pid: int | None = None


def parse(vm: str, args: dict[str, Any]) -> MachineDefinition:
    """The definition in the args of vm.create. Raises Fault DefinitionInvalid, DriverUnknown."""
    try:
        definition = msgspec.convert(args, MachineDefinition)
    except msgspec.ValidationError as error:
        raise Fault("DefinitionInvalid", detail=str(error)) from error
    if definition.vm.lower() != vm.lower():
        raise Fault("DefinitionInvalid", detail="it is of another VM than the command")
    return check(definition)


def check(definition: MachineDefinition) -> MachineDefinition:
    """The definition with its id in lower case. Raises Fault DefinitionInvalid, DriverUnknown."""
    if definition.driver not in DRIVERS:
        raise Fault("DriverUnknown", driver=definition.driver)
    problem = _problem(definition)
    if problem is not None:
        raise Fault("DefinitionInvalid", detail=problem)
    return msgspec.structs.replace(definition, vm=definition.vm.lower())


def is_id(text: str) -> bool:
    """Whether `text` is a uuid in its usual spelling, and so safe as a folder's name."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _problem(definition: MachineDefinition) -> str | None:
    if not is_id(definition.vm):
        return f"{definition.vm[:64]!r} is no uuid"
    if not NAME.fullmatch(definition.name):
        return f"the name {definition.name[:80]!r} has other characters than letters, digits, '.', '_', '-'"
    if definition.epoch < 1:
        return f"the epoch {definition.epoch} is below 1"
    if not 1 <= definition.cpus <= MAX_CPUS:
        return f"{definition.cpus} processors are not within 1 to {MAX_CPUS}"
    if not MIN_MEMORY_MIB <= definition.memory_mib <= MAX_MEMORY_MIB:
        return f"{definition.memory_mib} MiB of memory are not within {MIN_MEMORY_MIB} to {MAX_MEMORY_MIB}"
    most = MAX_PORTS if definition.driver == "qemu" else 1
    names = [port.name for port in definition.ports]
    if not 1 <= len(names) <= most or names != [str(number) for number in range(len(names))]:
        return f"its serial ports are not named '0' and up, at most {most} of them"
    return definition.nic.problem() if definition.nic is not None else None


def save(directory: Path, definition: MachineDefinition) -> None:
    write_private(directory / _FILE, msgspec.json.format(msgspec.json.encode(definition)))


def load(directory: Path) -> MachineDefinition:
    """Raises OSError, msgspec.MsgspecError or Fault when there is no usable definition in `directory`."""
    definition = check(msgspec.json.decode((directory / _FILE).read_bytes(), type=MachineDefinition))
    if definition.vm != directory.name:
        raise Fault("DefinitionInvalid", detail=f"it is kept in the folder of another VM, {directory.name}")
    return definition


def save_condition(directory: Path, condition: Condition) -> None:
    write_private(directory / _CONDITION, msgspec.json.encode(condition))


def load_condition(directory: Path) -> Condition | None:
    """What was remembered last; None when nothing usable was."""
    try:
        return msgspec.json.decode((directory / _CONDITION).read_bytes(), type=Condition)
    except (OSError, msgspec.MsgspecError):
        return None


def folders(root: Path) -> list[Path]:
    """Folders of machines, in order; finishes deletions that a crash interrupted."""
    if not root.is_dir():
        return []
    found = []
    for entry in sorted(root.iterdir()):
        if entry.name.startswith(_DELETED):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_dir() and is_id(entry.name):
            found.append(entry)
    return found


def remove(directory: Path) -> None:
    """Delete a machine's folder: gone at once, its content a moment later. May block; raises OSError."""
    doomed = directory.with_name(f"{_DELETED}{directory.name}-{secrets.token_hex(4)}")
    directory.rename(doomed)
    shutil.rmtree(doomed)
