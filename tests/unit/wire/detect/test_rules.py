"""Every rule on what a guest really prints, as a conversation."""

from __future__ import annotations

import time

import pytest

from outofband.wire.detect import CODES, Detector
from outofband.wire.detect.engine import KEPT_LIMIT
from outofband.wire.finding import Severity
from tests.unit.wire.detect.console import BOOT, LOGIN, Console, lines
from tests.unit.wire.detect.samples import (
    EMERGENCY,
    HEALTHY,
    INITRAMFS,
    OOM,
    OOPS,
    PANIC,
    SAC,
    SAMPLES,
    STOP,
    UEFI,
)


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_broken_guest_gets_its_findings_and_no_other(name: str, step: int) -> None:
    printed, expected = SAMPLES[name]
    console = Console(step=step)
    console.prints(*printed)
    console.waits(5)
    assert set(console.heard) == expected
    for found in console.heard.values():
        assert found.severity is CODES[found.code]
        assert found.port == "web1/0"
        assert found.evidence or found.code == "RebootLoop"
        for line in found.evidence:
            # The offset leads to the line itself.
            assert console.log[line.offset :].lstrip(b"\x1b[K").split(b"\n")[0] != b"" or name == "kd"


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_guest_gets_none(name: str, step: int) -> None:
    console = Console(step=step)
    console.prints(*HEALTHY[name])
    console.waits(600)
    assert console.heard == {}


def test_a_finding_names_what_is_wrong() -> None:
    told = {}
    for printed, _ in SAMPLES.values():
        console = Console()
        console.prints(*printed)
        told |= {code: console.fields(code) for code in console.heard if code not in told}
    assert told["EmergencyMode"] == {"mode": "emergency", "unit": "srv-data.mount"}
    assert told["InitramfsShell"] == {"reason": "UUID=deadbeef-0000-0000-0000-000000000000 does not exist."}
    assert told["KernelPanic"] == {"reason": "VFS: Unable to mount root fs on unknown-block(0,0)"}
    assert told["KernelOops"]["symbol"] == "sysrq_handle_crash"
    assert told["OutOfMemory"] == {"process": "stress", "pid": "412"}
    assert told["GrubRescue"] == {"reason": "no such partition"}
    assert told["GrubFileMissing"] == {"file": "/boot/vmlinuz-6.1.0-56"}
    assert told["RootReadOnly"] == {"device": "vda1"}
    assert told["FsckQuestion"]["device"] == "/dev/vda1"
    assert told["CloudInitFailed"] == {"stage": "modules-final", "module": "scripts-user"}
    assert told["WindowsStopCode"] == {"stop": "0x0000007B", "name": "INACCESSIBLE_BOOT_DEVICE"}
    assert told["UefiBootFailed"]["option"].startswith('Boot0001 "UEFI QEMU HARDDISK')
    assert told["KernelDebuggerOnPort"] == {"kind": "kdb"}


def test_evidence_shows_the_lines_that_led_there() -> None:
    console = Console()
    console.prints(*EMERGENCY)
    shown = console.evidence("EmergencyMode")
    assert shown[0] == "[ TIME ] Timed out waiting for device …dbeef-0000-0000-0000-000000000000."
    assert "[DEPEND] Dependency failed for srv-data.mount - /srv/data." in shown
    assert shown[-1].startswith("[  OK  ] Reached target emergency.target")


def test_older_systemd_names_only_descriptions() -> None:
    console = Console()
    console.prints(
        BOOT,
        lines(
            "[FAILED] Failed to mount /srv/my-data.",
            "See 'systemctl status srv-my\\x2ddata.mount' for details.",
            "[DEPEND] Dependency failed for Local File Systems.",
            'Welcome to emergency mode! After logging in, type "journalctl -xb" to view',
            "Give root password for maintenance",
        ),
    )
    assert console.fields("EmergencyMode")["unit"] == "srv-my\\x2ddata.mount"


def test_a_guest_that_comes_up_after_all() -> None:
    console = Console()
    console.prints(*INITRAMFS)
    assert console.open == ["InitramfsShell"]
    assert console.prints("exit\r\n", LOGIN) == ["InitramfsShell"]
    assert console.open == []
    assert console.heard["InitramfsShell"].ended == console.at


def test_what_is_broken_in_a_running_guest_stays_until_it_is_reset() -> None:
    console = Console()
    console.prints(*OOM)
    console.prints(LOGIN)
    assert console.open == ["OutOfMemory"]
    console.prints("[  130.600001] Out of memory: Killed process 500 (mysqld) total-vm:9kB, anon-rss:3kB\r\n")
    assert console.heard["OutOfMemory"].count == 2
    assert console.resets() == ["OutOfMemory"]
    assert console.open == []


def test_a_stop_ends_everything() -> None:
    console = Console()
    console.prints(*PANIC)
    assert console.stops() == ["KernelPanic"]
    assert console.heard["KernelPanic"].ended is not None


def test_a_panic_under_a_shell_is_real_when_the_kernels_clock_goes_on() -> None:
    console = Console()
    console.prints(
        BOOT, "[   20.000001] random: crng init done\r\n", LOGIN, "root\r\nPassword: \r\nroot@tgt01:~# "
    )
    console.prints("echo c > /proc/sysrq-trigger\r\n")
    console.prints(
        lines(
            "[   90.000001] sysrq: Trigger a crash",
            "[   90.000002] Kernel panic - not syncing: sysrq triggered crash",
        )
    )
    assert console.fields("KernelPanic") == {"reason": "sysrq triggered crash"}


def test_a_kernel_speaks_behind_a_prompt() -> None:
    console = Console()
    console.prints(BOOT, LOGIN, "[   99.5] Out of memory: Killed process 7 (java) total-vm:1kB\r\n")
    assert console.open == ["OutOfMemory"]
    console = Console()
    console.prints(
        BOOT,
        LOGIN,
        "root\r\nroot@tgt01:~# ",
        "[   99.500000] Kernel panic - not syncing: Fatal exception\r\n",
    )
    assert console.open == ["KernelPanic"]


def test_firmware_that_goes_on_with_the_next_device_is_no_failure_yet() -> None:
    console = Console()
    assert console.prints(*UEFI[0].splitlines(keepends=True)[:2]) == []
    assert console.waits(2.9) == []
    assert console.waits(0.2) == ["UefiBootFailed"]


def test_a_prompt_that_does_not_come() -> None:
    console = Console()
    console.prints(BOOT, "[  OK  ] Reached target multi-user.target - Multi-User System.\r\n")
    assert console.waits(59) == []
    assert console.waits(2) == ["LoginPromptMissing"]
    assert console.heard["LoginPromptMissing"].first == 1000.0
    assert console.prints(LOGIN) == ["LoginPromptMissing"]
    assert console.open == []


def test_a_banner_without_a_prompt() -> None:
    console = Console()
    console.prints(BOOT, "\r\nDebian GNU/Linux 12 tgt01 ttyS0\r\n\r\n")
    assert console.waits(61) == ["LoginPromptMissing"]


def test_health_text_without_sac() -> None:
    report = "======== Microsoft Azure VM Health Report - Start 2018-03-06T02:06:40.6256349Z ========\r\n"
    console = Console()
    console.prints(report, '{"reportTime":"2018-03-06T02:06:40Z"}\r\n')
    assert console.waits(5) == ["SacDisabled"]
    assert set(console.prints(*SAC)) == {"SacDisabled", "SacPrompt"}
    assert console.open == ["SacPrompt"]
    assert console.heard["SacPrompt"].severity is Severity.NOTE
    console.prints(report)
    assert console.waits(60) == []


def test_a_reboot_loop_is_counted() -> None:
    console = Console()
    for boot in range(1, 4):
        console.resets(boot)
        console.prints(*PANIC)
        console.waits(10)
    assert console.heard["RebootLoop"].count == 2
    console.resets(4)
    assert console.heard["RebootLoop"].count == 3
    assert console.fields("RebootLoop") == {"count": "3"}
    console.prints(BOOT, LOGIN)
    assert console.open == []


def test_reboots_with_a_login_between_them_are_none() -> None:
    console = Console()
    for boot in range(1, 8):
        console.resets(boot)
        console.prints(BOOT, LOGIN)
    assert console.heard == {}


def test_reboots_days_apart_are_none() -> None:
    console = Console()
    for boot in range(1, 8):
        console.resets(boot)
        console.prints(*STOP)
        console.waits(3600)
    assert "RebootLoop" not in console.heard


def test_a_loop_that_stops_is_over() -> None:
    console = Console()
    for boot in range(1, 5):
        console.resets(boot)
        console.prints(*STOP)
    assert "RebootLoop" in console.open
    assert "RebootLoop" in console.waits(1000)
    assert console.open == ["WindowsStopCode"]


def test_a_port_without_events_shows_its_reboots_by_itself() -> None:
    console = Console()
    for _ in range(3):
        console.prints(*PANIC)
    assert console.heard["RebootLoop"].count == 2


def test_a_gap_does_not_make_half_a_line_a_failure() -> None:
    console = Console()
    console.prints(BOOT)
    console.detector.feed(10_000, b"Kernel panic - not syncing: half of something\r\n", 1.0)
    assert console.open == []
    console.detector.feed(20_000, b"x\r\n[   9.000001] Kernel panic - not syncing: whole\r\n", 1.0)
    assert console.open == ["KernelPanic"]


def test_what_was_fed_before_is_left_out() -> None:
    console = Console()
    console.prints(*OOM)
    found = console.detector.feed(0, console.log, 5.0)
    assert found == []
    half = console.log[-40:] + b"[  200.000001] Out of memory: Killed process 1 (b) total-vm:1kB\r\n"
    (told,) = console.detector.feed(len(console.log) - 40, half, 5.0)
    assert told.count == 2


def test_a_line_that_never_ends_is_judged_all_the_same() -> None:
    console = Console()
    console.prints("No bootable device.")
    assert console.open == []
    assert console.waits(3) == ["NoBootableDevice"]
    assert console.prints("\r\n") == []
    assert console.heard["NoBootableDevice"].count == 1


def test_the_oops_before_a_panic_is_told_once() -> None:
    console = Console()
    console.prints(*OOPS)
    assert console.heard["KernelOops"].count == 1
    console.prints("[  100.000001] Kernel panic - not syncing: Fatal exception\r\n")
    assert console.open == ["KernelOops", "KernelPanic"]


def test_what_is_kept_is_small_and_enough() -> None:
    first = Console()
    first.prints(*EMERGENCY[:4])
    kept = first.detector.kept()
    assert len(kept) < KEPT_LIMIT
    second = Console()
    second.detector = type(first.detector)("web1/0", kept)
    second.log = first.log
    assert second.detector.offset == len(first.log)
    second.prints(*EMERGENCY[4:])
    assert second.fields("EmergencyMode") == {"mode": "emergency", "unit": "srv-data.mount"}


def test_what_another_version_kept_is_left() -> None:
    console = Console()
    console.detector = type(console.detector)("web1/0", b"\xc1nonsense")
    console.prints(*PANIC)
    assert console.open == ["KernelPanic"]


def test_many_failures_leave_the_likeliest_one() -> None:
    console = Console()
    console.prints(
        BOOT,
        lines(
            "[ TIME ] Timed out waiting for device dev-vdd.device - /dev/vdd.",
            "[DEPEND] Dependency failed for srv.mount - /srv.",
            "[DEPEND] Dependency failed for local-fs.target - Local File Systems.",
            *(f"[FAILED] Failed to start some{number}.service - Some {number}." for number in range(9)),
            "[   30.000001] systemd[1]: Reached target emergency.target - Emergency Mode.",
            "[  OK  ] Reached target emergency.target - Emergency Mode.",
            "Cannot open access to console, the root account is locked.",
        ),
    )
    assert console.fields("EmergencyMode")["unit"] == "srv.mount"


def test_a_mode_is_told_before_its_question_on_a_slow_machine() -> None:
    console = Console()
    console.prints(BOOT, "[   30.000001] systemd[1]: Reached target emergency.target - Emergency Mode.\r\n")
    assert console.waits(3) == ["EmergencyMode"]
    assert console.prints("Cannot open access to console, the root account is locked.\r\n") == []


def test_a_shell_that_cannot_write() -> None:
    console = Console()
    console.prints(BOOT, LOGIN, "root\r\nroot@tgt01:~# ", "cp -r /a /srv; cp -r /b /srv\r\n")
    console.prints("cp: error writing '/srv/a': No space left on device\r\n")
    assert console.open == []
    console.prints("cp: error writing '/srv/b': No space left on device\r\n", "root@tgt01:~# ")
    assert console.fields("DiskFull") == {"writer": "cp"}


@pytest.mark.parametrize(
    ("command", "told"),
    [("echo c > /proc/sysrq-trigger", ["KernelPanic"]), ("cat old-boot.log", []), ("echo Kernel panic", [])],
)
def test_a_kernel_that_prints_no_times_is_believed_unless_somebody_reads(
    command: str, told: list[str]
) -> None:
    console = Console()
    console.prints(
        "Linux version 6.12.117+deb12-cloud-amd64\r\n", LOGIN, f"root\r\nroot@demo:~# {command}\r\n"
    )
    assert console.prints("Kernel panic - not syncing: sysrq triggered crash\r\n") == told


@pytest.mark.parametrize(
    "line",
    [
        b"BTRFS (device " + b"a" * 2040,
        b"[FAILED] " + b"Failed to start loca" * 100,
        b"[DEPEND] " + b"Dependency failed for loca" * 100,
    ],
)
def test_no_line_keeps_a_rule_busy(line: bytes) -> None:
    """All of the agent waits for it: a megabyte of the worst takes less than a few of the usual."""
    data = (line[:2040] + b"\n") * 512
    detector = Detector("0")
    began = time.process_time()
    detector.feed(0, data, 1.0)
    assert time.process_time() - began < 1.2
