"""Firmware and boot loaders: SeaBIOS, OVMF and its like, iPXE, GRUB 2 and GRUB legacy."""

from __future__ import annotations

import re

from outofband.wire.detect.mind import Mind
from outofband.wire.detect.rules import Line, rule
from outofband.wire.detect.stages import Stage, reach

UEFI_WAIT = 3.0
"""Seconds after a boot option that failed in which firmware goes on with the next."""
ERRORS = "grub"
_HARMLESS = re.compile(r"\.(?:pf2|g?mo|png|tga|jpe?g|txt)\b|/(?:locale|fonts|themes)/|grubenv|/fonts?\b")


@rule(("SeaBIOS (version", "UEFI firmware (version", "UEFI firmware starting"))
def firmware(mind: Mind, line: Line, _: re.Match[str]) -> None:
    reach(mind, line, Stage.FIRMWARE)


@rule(
    (
        "GRUB loading",
        "Welcome to GRUB",
        "GNU GRUB  version",
        "Loading Linux ",
        "Loading initial ramdisk",
        "EFI stub: ",
        "Booting `",
        "Booting from Hard Disk",
    )
)
def loader(mind: Mind, line: Line, _: re.Match[str]) -> None:
    if mind.state.stage < Stage.LOADER:
        reach(mind, line, Stage.LOADER)
    mind.disarm("UefiBootFailed")


@rule(
    (
        "error: ",
        "Error 2: ",
        "Error 13: ",
        "Error 15: ",
        "Error 17: ",
        "Error 18: ",
        "Error 21: ",
        "Error 22: ",
    ),
    r"(?P<rest>.*)",
)
def grub_error(mind: Mind, line: Line, found: re.Match[str]) -> None:
    """GRUB's own words, as long as no kernel runs; other programs say `error:` too."""
    if mind.state.stage > Stage.LOADER or line.stamp is not None:
        return
    mind.note(ERRORS, line, line.body)
    missing = re.match(r"error: (?:\S+:\d+: ?)?file [`'‘\"](?P<file>[^'’\"]+)['’\"] not found", line.body)
    name = missing["file"] if missing else ""
    if line.body.startswith("Error 15"):
        name = "the entry's kernel or initrd"
    if name and not _HARMLESS.search(name):
        mind.tell("GrubFileMissing", line, file=name)
        if "GrubRescue" in mind.state.open or "GrubPrompt" in mind.state.open:
            mind.end("GrubFileMissing", line.at)


def _why(mind: Mind) -> str:
    errors = [each.name for each in mind.notes(ERRORS) if "unknown command" not in each.name.lower()]
    return re.sub(r"^error: (?:\S+\.c:\d+: ?)?", "", errors[-1]).rstrip(".") if errors else "?"


def rescue(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """`grub rescue>`: GRUB's core runs, its modules cannot be read."""
    mind.tell("GrubRescue", line, before=ERRORS, reason=_why(mind))


def normal(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """`grub>`: all of GRUB runs, and found no menu."""
    mind.tell("GrubPrompt", line, before=ERRORS, reason=_why(mind))


@rule(
    (
        "No bootable device",
        "No bootable medium",
        "FATAL: No bootable medium",
        "Operating System not found",
        "Operating system not found",
        "Missing operating system",
        "Missing Operating System",
        "Error loading operating system",
        "Invalid partition table",
        "Non-System disk or disk error",
        "Invalid system disk",
        "Nothing to boot: ",
        "No boot device available",
        "No boot device found",
        "No Boot Device Found",
        "Boot Device Not Found",
        "Reboot and Select proper Boot device",
        "Insert boot media in selected Boot device",
        "This is not a bootable disk",
        "Failed to load ldlinux",
    )
)
def nothing_to_boot(mind: Mind, line: Line, _: re.Match[str]) -> None:
    if mind.state.stage <= Stage.LOADER:
        mind.tell("NoBootableDevice", line, before="NoBootableDevice", said=line.body.rstrip("."))


@rule(("Boot failed: ", "Boot from "), r"(?P<rest>.*)")
def boot_failed(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """SeaBIOS tries the next device after it."""
    if "ailed" in line.body:
        mind.note("NoBootableDevice", line)


@rule(("BdsDxe: ", "BDS: ", "Boot Failed. ", "Boot Succeeded"), r"(?P<rest>.*)")
def bds(mind: Mind, line: Line, found: re.Match[str]) -> None:
    said = line.body.lower()
    if "no bootable option" in said:
        mind.disarm("UefiBootFailed")
        mind.tell("UefiBootFailed", line, before="UefiBootFailed", option=_option(mind))
    elif "failed to load" in said or "failed to start" in said or said.startswith("boot failed"):
        option = re.search(r"(?:load|start) (?P<name>Boot[0-9A-F]{4}(?: \"[^\"]*\")?)", line.body)
        mind.note("UefiBootFailed", line, option["name"] if option else "")
        if mind.state.stage < Stage.KERNEL:
            mind.disarm("UefiBootFailed")
            mind.arm("UefiBootFailed", line, UEFI_WAIT, option=_option(mind))
    elif "starting" in said or "loading" in said:
        if "shell" not in said:
            mind.disarm("UefiBootFailed")
        if mind.state.stage > Stage.LOADER:
            reach(mind, line, Stage.FIRMWARE)


def _option(mind: Mind) -> str:
    names = [each.name for each in mind.notes("UefiBootFailed") if each.name]
    return names[-1] if names else "BdsDxe"


@rule(("UEFI Interactive Shell", ">>Start PXE over", "PXE-E"), r"(?P<rest>.*)")
def beside(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """Firmware's last resorts: its shell, and the network."""
    if line.body.startswith("UEFI Int"):
        shell(mind, line, _)
    else:
        mind.disarm("UefiBootFailed")
        if mind.notes("UefiBootFailed"):
            mind.arm("UefiBootFailed", line, 30.0, option=_option(mind))


def shell(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """The firmware's own shell is where it ends up when nothing else boots."""
    if mind.state.stage <= Stage.LOADER:
        mind.disarm("UefiBootFailed")
        mind.tell("UefiBootFailed", line, before="UefiBootFailed", option=_option(mind))
