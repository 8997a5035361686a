"""What systemd, fsck, cloud-init and daemons print when a boot goes wrong after the kernel.

systemd shortens a line to 80 columns with an ellipsis, names a unit since version 249 and only its
description before, so both forms are read.
"""

from __future__ import annotations

import re

from outofband.wire.detect.mind import MAX_NOTES, Mind
from outofband.wire.detect.rules import Line, anywhere, rule
from outofband.wire.detect.stages import Stage, reach

EMERGENCY = "EmergencyMode"
QUESTION_FOLLOWS = 2.0
"""Seconds from the words about a mode to the question for a password."""
PROMPT_WAIT = 60.0
"""Seconds from a system that is up, or from its banner, until the lack of a login prompt is told."""
MAX_NAMED = 400
"""Characters of a unit and its description: a name has 255 at most, and systemd cuts lines far before."""
_CHAIN = re.compile(
    r"Local File Systems|(?:^|\s)(?:local-fs|loca.*s)\.target|Mark the need to relabel"
    r"|Migrate local|\.target\b",
    re.IGNORECASE,
)
_CLOUD_UNIT = re.compile(
    r"cloud-?init|cloud-config|cloud-final|clou\S*…|Initial cloud-init job"
    r"|Apply the settings specified in cloud-config|Execute cloud user/final scripts",
    re.IGNORECASE,
)
_STAGES = (
    (r"cloud-init-local|pre-networking|loca\S*l\.service", "init-local"),
    (r"cloud-config|settings specified", "modules-config"),
    (r"cloud-final|user/final", "modules-final"),
    (r".", "init"),
)


@rule("Welcome to ", r"\S.*!$")
def system(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """systemd's greeting; the one of an initramfs says so."""
    if (
        "initramfs" not in line.body
        and "dracut" not in line.body
        and "GRUB" not in line.body
        and "mode" not in line.body
    ):
        reach(mind, line, Stage.SYSTEM)


@rule(
    ("Failed to start ", "Failed to mount ", "Dependency failed for ", "Timed out waiting for device "),
    r"(?P<what>.+)",
)
def failed(mind: Mind, line: Line, found: re.Match[str]) -> None:
    what = found["what"][:MAX_NAMED].rstrip(".")
    unit, _, description = what.partition(" - ")
    verb = line.body[: found.start("what")].strip()
    if not description:
        unit, description = _unit(verb, unit), unit
    if not line.mark and line.stamp is None and not line.text.startswith("systemd["):
        return
    _remember(mind, line, f"{_rank(verb, unit, description)} {unit}")
    if verb.startswith("Failed to start") and _CLOUD_UNIT.search(what):
        stage = next(each for pattern, each in _STAGES if re.search(pattern, what))
        mind.tell("CloudInitFailed", line, before="CloudInitFailed", stage=stage, module="-")
    if verb.startswith("Failed to start") and re.search(
        r"Remount Root|systemd-remount-fs|systemd-remo.*fs\.service", what
    ):
        mind.tell("RootReadOnly", line, device="/")
    _late(mind)


def _remember(mind: Mind, line: Line, name: str) -> None:
    """Note what may be the reason once, in place of what is less likely to be it."""
    notes = mind.notes(EMERGENCY)
    if any(each.name == name for each in notes):
        return
    if len(notes) == MAX_NOTES:
        notes.remove(max(notes, key=lambda each: int(each.name[0])))
    mind.note(EMERGENCY, line, name)


def _unit(verb: str, description: str) -> str:
    """The unit of a line that has only a description: a mount's is its path."""
    if description.startswith("/") and "…" not in description and not description.startswith("/dev/"):
        path = description.strip("/").replace("-", r"\x2d").replace("/", "-")
        return f"{path or '-'}.mount"
    if description.startswith("File System Check on "):
        return f"fsck of {description.removeprefix('File System Check on ')}"
    return description


def _rank(verb: str, unit: str, description: str) -> int:
    """What is likeliest the reason for emergency mode: the smallest."""
    both = f"{unit} {description}"
    if verb.startswith("Failed") and re.search(
        r"fsck|File System Check|\.mount|Remount Root|^/|\.swap", both
    ):
        return 0 if "fsck" in both or "File System Check" in both else 1
    if verb.startswith("Failed to mount"):
        return 1
    if _CHAIN.search(unit) or _CHAIN.search(description):
        return 6
    if verb.startswith("Dependency") and re.search(r"\.mount|^/", both):
        return 2
    if verb.startswith("Dependency"):
        return 4
    if verb.startswith("Timed out"):
        return 3
    return 5


def _culprit(mind: Mind) -> str:
    notes = mind.notes(EMERGENCY)
    best = min((each.name for each in notes), key=lambda name: int(name[0]), default="")
    return best[2:]


def _late(mind: Mind) -> None:
    """A unit may be named after the mode was reached: the finding learns of it."""
    if EMERGENCY in mind.state.open and "unit" not in mind.state.open[EMERGENCY].fields:
        newest = mind.notes(EMERGENCY)[-1]
        mind.tell(EMERGENCY, newest, unit=_culprit(mind))


@rule(
    (
        "You are in emergency mode",
        "You are in rescue mode",
        "Welcome to emergency mode",
        "Welcome to rescue mode",
        "Give root password for ",
        "Press Enter for maintenance",
        "Press enter for maintenance",
        "Cannot open access to console, the root account is locked",
        "*** Dropping you to a shell; the system will reboot",
        "Continue to wait, or Press S to skip mounting",
        "Continue to wait; Press S to skip mounting",
    )
)
def emergency(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if {"InitramfsShell"} & (mind.state.open.keys() | mind.state.armed.keys()):
        # The password question of an initramfs that was told already.
        return
    mode = "rescue" if "escue" in line.body else "emergency"
    unit = _culprit(mind) or f"{mode}.target"
    mind.disarm("LoginPromptMissing")
    if line.body.startswith(("You are in", "Welcome to")):
        # Whoever asks for the password says so next, and is what one can answer to.
        mind.arm(EMERGENCY, line, QUESTION_FOLLOWS, mode=mode, unit=unit)
        return
    armed = mind.state.armed.get(EMERGENCY)
    if armed is not None:
        mode = armed.fields["mode"]
        mind.fire(EMERGENCY)
    mind.tell(EMERGENCY, line, before=EMERGENCY, mode=mode, unit=unit)


@rule(
    "Reached target ",
    r"(?:emergency\.target|Emergency Mode|rescue\.target|Rescue Mode)",
)
def mode_reached(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """On a slow machine its question comes long after; the mode is certain now."""
    if "InitramfsShell" in mind.state.open:
        return
    mode = "rescue" if "escue" in line.body else "emergency"
    mind.disarm("LoginPromptMissing")
    mind.arm(EMERGENCY, line, QUESTION_FOLLOWS, mode=mode, unit=_culprit(mind) or f"{mode}.target")


@rule("The disk drive for ", r"(?P<what>\S+) is not ready yet or not present")
def upstart(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.note(EMERGENCY, line, f"1 {found['what']}")
    mind.tell(EMERGENCY, line, before=EMERGENCY, mode="emergency", unit=found["what"])


def question(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """A file system check that waits for an answer."""
    notes = mind.notes("FsckQuestion")
    device = notes[0].name if notes else ""
    asked = line.body if len(line.body) < 100 else f"{line.body[:90]}…"
    mind.tell("FsckQuestion", line, before="FsckQuestion", device=device or "?", question=asked)


@anywhere(
    "RUN fsck MANUALLY",
    r"(?:^|[\s\]])(?P<device>/dev/[\w/.-]+|[\w.-]+): UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY",
)
def manual_fsck(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.note("FsckQuestion", line, found["device"])
    mind.note("InitramfsShell", line, line.body)
    mind.tell(
        "FsckQuestion", line, before="FsckQuestion", device=found["device"], question="RUN fsck MANUALLY"
    )


@rule(
    (
        "The root filesystem on ",
        "An automatic file system check (fsck) of the root filesystem failed",
        "*** An error occurred during the file system check",
        "Errors were found while checking the disk drive for ",
        "Serious errors were found while checking the disk drive for ",
        "fsck failed with exit code 4",
    ),
    r"(?P<rest>.*)",
)
def fsck_wants(mind: Mind, line: Line, found: re.Match[str]) -> None:
    if line.body.startswith("The root filesystem on "):
        if "requires a manual fsck" not in line.body:
            return
        device = line.body.split()[4]
    else:
        last = line.body.split()[-1].rstrip(".")
        device = last if last.startswith("/") else ""
    known = mind.notes("FsckQuestion")
    mind.note("InitramfsShell", line, line.body)
    mind.tell(
        "FsckQuestion",
        line,
        before="FsckQuestion",
        device=device or (known[0].name if known else "?"),
        question=line.body,
    )


@rule(
    "/dev/",
    r"(?P<name>[\w/.-]+)(?: contains a file system with errors, check forced"
    r"| was not cleanly unmounted, check forced|: recovering journal"
    r"|: \S.* contains a file system with errors)",
)
def fsck_runs(mind: Mind, line: Line, found: re.Match[str]) -> None:
    mind.note("FsckQuestion", line, f"/dev/{found['name']}")


@anywhere(
    "No space left on device",
    r"^(?!.*(?:inotify|cgroup|[Ww]atch|shmget|semget|epoll|BPF)).*(?P<end>No space left on device)",
)
def disk_full(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """A part of the system that cannot write is enough; of anything else several lines."""
    if mind.state.shell:
        return
    if line.stamp is not None or line.mark or _SYSTEM_VOICE.search(line.text):
        mind.tell("DiskFull", line, again=True, before="DiskFull", writer=_writer(line))
        return
    mind.note("DiskFull", line, "said")
    if len(mind.notes("DiskFull")) >= DISK_FULL_LINES:
        mind.tell("DiskFull", line, again=True, before="DiskFull", writer=_writer(line))


def full_at_a_shell(mind: Mind, line: Line) -> None:
    """A command, or the shell itself, that cannot write: `bash: /srv/54: No space left on device`."""
    if not re.match(r"-?[\w./+-]{1,40}: (?!.*(?:/sys/|/proc/|cgroup)).*No space left on device$", line.text):
        return
    known = mind.notes("DiskFull")
    if "DiskFull" in mind.state.open or known:
        mind.tell("DiskFull", line, again=True, before="DiskFull", writer=_writer(line))
    else:
        mind.note("DiskFull", line, "said")


DISK_FULL_LINES = 3
_SYSTEM_VOICE = re.compile(
    r"^(?:\[[^\]]*\] ?)?(?:systemd|dbus|rsyslog|sshd|cron|udev|cloud-init|dhclient"
    r"|NetworkManager|journald|kernel|mkdir|touch|mktemp|cp|tee|sh|/\S+)\b"
    r"|Errno 28|/var/|/run/|/etc/|/tmp/"
)


def _writer(line: Line) -> str:
    named = re.match(r"(?:\[[^\]]*\] ?)?(?P<name>-?[\w./-]+)(?:\[\d+\])?: ", line.text)
    return named["name"] if named else "systemd" if line.mark else "?"


@anywhere(".py[", r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d,\d+ - \S+\.py\[")
def cloud_log(mind: Mind, line: Line, found: re.Match[str]) -> None:
    """The same lines where nothing stands before them."""
    cloud_init(mind, line, found)


@rule("cloud-init[", r"\d+\]: ")
def cloud_init(mind: Mind, line: Line, _: re.Match[str]) -> None:
    body = re.sub(r"^cloud-init\[\d+\]: *", "", line.body)
    own = body != line.body
    if own and (stage := re.match(r"Cloud-init v\. \S+ running '(?P<stage>[\w:-]+)'", body)):
        mind.state.notes["cloud-stage"] = []
        mind.note("cloud-stage", line, stage["stage"].replace(":", "-"))
        return
    if not _CLOUD_BAD.search(body) or _CLOUD_FINE.search(body):
        return
    module = re.search(
        r"[Rr]unning module (?P<a>[\w-]+)|modules? (?P<b>[\w-]+)|\bcc_(?P<c>\w+)\.py|(?P<d>[\w.]+\.py)\[",
        body,
    )
    named = next((each for each in module.groups() if each), "").replace("_", "-") if module else ""
    stages = mind.notes("cloud-stage")
    mind.tell(
        "CloudInitFailed",
        line,
        again=True,
        before="CloudInitFailed",
        stage=stages[-1].name if stages else "cloud-init",
        module=named or "-",
    )
    if named and mind.state.open["CloudInitFailed"].fields.get("module") == "-":
        mind.correct("CloudInitFailed", line, module=named)


_CLOUD_BAD = re.compile(
    r"(?:ERROR|CRITICAL)\]: |Traceback \(most recent call last\)"
    r"|WARNING\]: (?:Running module|Failed |Unhandled non-multipart|Can not apply"
    r"|Calling .* failed: .*giving up|Invalid cloud-config|.*\bfailed\b(?! to (?:find"
    r"|read) optional)|.*(?:No instance datasource|no datasource) found)"
    r"|failed stage \w|FAIL:|[Ff]ailed (?:running|to run) (?:module|/var/lib/cloud)|Likely bad things to come"
)
_CLOUD_FINE = re.compile(
    r"DEPRECATED|fallback datasource|Getting data from .* failed"
    r"|cloud_config\w* is deprecated|did not find .* optional"
)


@rule(
    "Reached target ",
    r"(?:multi-user\.target|Multi-User System|Multi-User|graphical\.target"
    r"|Graphical Interface|mult.*\.target|grap.*\.target)",
)
def reached(mind: Mind, line: Line, _: re.Match[str]) -> None:
    if not mind.state.up:
        mind.arm("LoginPromptMissing", line, PROMPT_WAIT, shown=line.body)
    reach(mind, line, Stage.SYSTEM)


@anywhere(
    "ttyS",
    r"^(?!\[|Last |.*\bon (?:tty|hvc))(?P<banner>\S.{2,70}?) (?:\S+ )?(?:\(?)ttyS\d+\)?$",
)
def banner(mind: Mind, line: Line, _: re.Match[str]) -> None:
    """agetty's issue text: it stands right before its prompt."""
    if (
        not line.mark
        and line.stamp is None
        and not (mind.state.shell or mind.state.up)
        and re.search(r"\d|Linux", line.body)
        and "=" not in line.body
    ):
        mind.arm("LoginPromptMissing", line, PROMPT_WAIT, shown=line.body)
