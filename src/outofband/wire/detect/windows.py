"""Windows on its emergency port: stop codes, the boot manager, SAC, and kernel debuggers (Linux' too)."""

from __future__ import annotations

import re

from outofband.wire.detect.mind import Mind
from outofband.wire.detect.rules import Line, anywhere, rule
from outofband.wire.detect.stop_codes import NAMES

SAC_WAIT = 4.0
"""Seconds after a health report in which SAC would show itself. It does so long before: the report is written
by a service of a system that is up."""
KD_PACKET = re.compile(rb"(?:0000|iiii)[\x01-\x0c]\x00[\x00-\xff]{2}[\x00\x01][\x00\x08]\x80\x80", re.DOTALL)
"""A packet of Windows' kernel debugger: leader, type, length, and an id that begins at 0x80800000."""
KD_LENGTH = 12


def _stop(mind: Mind, line: Line, code: str, name: str = "") -> None:
    number = int(code, 16)
    shown = f"0x{number:08X}"
    mind.tell(
        "WindowsStopCode",
        line,
        before="WindowsStopCode",
        stop=shown,
        name=name or NAMES.get(number, "?"),
    )


@rule("*** STOP: ", r"(?P<code>0x[0-9A-Fa-f]{1,8})")
def stop(mind: Mind, line: Line, found: re.Match[str]) -> None:
    named = [each.name for each in mind.notes("WindowsStopCode") if each.name]
    _stop(mind, line, found["code"], named[-1] if named else "")


@anywhere(
    "top code: ",
    r"^\s*Stop code: (?P<code>0x[0-9A-Fa-f]{1,8})?[ (]*(?P<name>[A-Z][A-Z0-9_ ]{3,})?",
)
def stop_code(mind: Mind, line: Line, found: re.Match[str]) -> None:
    name = (found["name"] or "").strip().replace(" ", "_")
    if found["code"]:
        _stop(mind, line, found["code"], name)
    elif name:
        number = next((each for each, known in NAMES.items() if known == name), None)
        shown = f"0x{number:08X}" if number is not None else name
        mind.tell("WindowsStopCode", line, before="WindowsStopCode", stop=shown, name=name)


@rule('<PROPERTY NAME="STOPCODE"', r".*?(?P<code>0x[0-9A-Fa-f]{1,8})")
def stop_element(mind: Mind, line: Line, found: re.Match[str]) -> None:
    _stop(mind, line, found["code"])


@rule(tuple(sorted(set(NAMES.values()) - {"ACPI_BIOS_ERROR"})), r"$")
def stop_name(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.note("WindowsStopCode", line, line.body)


@rule(
    (
        "Windows failed to start. ",
        "Windows Boot Manager",
        "Your PC needs to be repaired",
        "Your PC/Device needs to be repaired",
        "Recovery",
    ),
    r"(?P<rest>.*)",
)
def boot_manager(mind: Mind, line: Line, _: re.Match[str]) -> None:
    if not line.body.startswith("Recovery") or len(line.body) < 10:
        mind.note("BootManager", line)


@rule(("Status: ", "Error code: "), r"(?P<code>0x[cC][0-9A-Fa-f]{7})")
def boot_status(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if mind.notes("BootManager"):
        mind.tell(
            "WindowsStopCode",
            line,
            before="BootManager",
            stop=found["code"].lower(),
            name="Windows Boot Manager",
        )


@rule(("Computer is booting, SAC started and initialized", "EVENT: The CMD command is now available"))
def sac_banner(mind: Mind, line: Line, found: re.Match[str]) -> None:
    sac(mind, line, found)


def sac(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.disarm("SacDisabled")
    mind.end("SacDisabled", line.at)
    mind.came_up(line.at)
    mind.tell("SacPrompt", line, prompt="!SAC>" if line.body.startswith("!SAC") else "SAC>")


@rule("======== Microsoft Azure VM Health Report - Start ", r"(?P<when>\S+)")
def health(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if "SacPrompt" not in mind.state.open:
        mind.arm("SacDisabled", line, SAC_WAIT, reported=found["when"])


@rule(
    (
        "Microsoft (R) Windows Kernel Debugger",
        "Microsoft (R) Windows Debugger",
        "Kernel Debugger Using: COM",
        "Kernel Debugger connection established",
        "KDTARGET: ",
        "KGDB: Waiting for connection from remote gdb",
        "KGDB: Entering",
        "Entering kdb (current=",
        "Entering kgdb",
    )
)
def debugger(mind: Mind, line: Line, _: re.Match[str]) -> None:
    kind = "kdb" if "kdb" in line.body.lower() else "kgdb" if "kgdb" in line.body.lower() else "Windows"
    mind.tell("KernelDebuggerOnPort", line, kind=kind)


def kdb(mind: Mind, line: Line, _: re.Match[str]) -> None:
    mind.tell("KernelDebuggerOnPort", line, kind="kdb")
