"""The demo guest in a real QEMU: it boots on the serial port, lets people in, shows what is done to it."""

import re
from pathlib import Path

from guests.build import Guest
from tests.peers.guest import (
    BOOT_S,
    END_S,
    PASSWORD,
    PROMPT,
    ROOT_SHELL,
    SHELL,
    Machine,
    number_lines,
    running,
)

SMALLEST_MIB = 96

QUERIES = {
    "DA1": b"\x1b[c",
    "DSR 6": b"\x1b[6n",
    "DECRQM": b"\x1b[?2004$p",
    "DECRQSS": b"\x1bP$qm\x1b\\",
    "ENQ": b"\x05",
    "OSC 2": b"\x1b]2;",
    "XTWINOPS 21": b"\x1b[21t",
    "OSC 52 write": b"\x1b]52;c;ZWNobyBvd25lZC1ieS1jbGlwYm9hcmQK\x07",
    "OSC 52 query": b"\x1b]52;c;?\x07",
}


def boot(machine: Machine) -> bytes:
    """Everything up to the login prompt."""
    return machine.serial.expect(PROMPT, BOOT_S)


def test_firmware_kernel_and_prompt_show(demo_guest: Guest, tmp_path: Path) -> None:
    with running(demo_guest) as machine:
        shown = boot(machine)
        assert shown.index(b"SeaBIOS") < shown.index(b"Linux version") < shown.index(b"Outofband demo guest")
        # The firmware switches automatic wrapping off; the guest has to put that right.
        assert shown.rindex(b"\x1b[?7h") > shown.rindex(b"\x1b[?7l")

        picture = tmp_path / "screen.png"
        machine.monitor.execute("screendump", filename=str(picture), format="png")
        assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")

        # The kernel still has something to say a second after the prompt, and keeps it off the screen.
        machine.serial.login()
        machine.serial.send(b"until dmesg | grep -q 'clocksource tsc$'; do sleep 0.1; done; echo settl''ed\r")
        assert b"clocksource: Switched" not in machine.serial.expect(rb"settled\r\n")


def test_boots_in_little_memory(demo_guest: Guest) -> None:
    with running(demo_guest, memory_mib=SMALLEST_MIB) as machine:
        boot(machine)
        machine.serial.login()


def test_only_the_password_lets_in(demo_guest: Guest) -> None:
    with running(demo_guest) as machine:
        serial = machine.serial
        boot(machine)
        serial.send(b"demo\r")
        serial.expect(rb"Password: ")
        serial.until_hidden()
        serial.send(b"not-the-password\r")
        refusal = serial.expect(PROMPT)
        assert b"Login incorrect" in refusal
        assert b"not-the-password" not in refusal

        serial.login()
        serial.send(b"id -un; stty size; hostname\r")
        assert b"demo\r\n24 80\r\ndemo\r\n" in serial.expect(rb"24 80\r\n.*\r\n")
        serial.expect(SHELL)
        serial.send(b"cat /etc/shadow\r")
        serial.expect(rb"Permission denied")
        serial.expect(SHELL)

        serial.send(b"su -\r")
        serial.expect(rb"Password: ")
        serial.send(PASSWORD.encode() + b"\r")
        serial.expect(ROOT_SHELL)
        serial.send(b"id -u; cat /proc/sys/kernel/sysrq /proc/sys/kernel/unknown_nmi_panic\r")
        serial.expect(rb"\r\n0\r\n1\r\n0\r\n")


def test_sysrq_and_nmi_are_seen_and_survived(demo_guest: Guest) -> None:
    with running(demo_guest) as machine:
        boot(machine)
        machine.monitor.execute("chardev-send-break", id="serial0")
        machine.serial.send(b"h")
        machine.serial.expect(rb"sysrq: HELP : .*reboot\(b\)")
        machine.monitor.execute("inject-nmi")
        machine.serial.expect(rb"NMI received for unknown reason")
        machine.serial.expect(rb"trying to continue")
        machine.serial.send(b"\r")
        machine.serial.expect(PROMPT)
        machine.serial.login()


def test_the_power_button_ends_the_guest(demo_guest: Guest) -> None:
    with running(demo_guest) as machine:
        boot(machine)
        machine.monitor.execute("system_powerdown")
        machine.serial.expect(rb"Power button pressed")
        assert machine.monitor.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}
        assert machine.process.wait(END_S) == 0


def test_reboot_and_poweroff_as_root(demo_guest: Guest) -> None:
    with running(demo_guest) as machine:
        boot(machine)
        machine.serial.login("root")
        machine.serial.send(b"reboot\r")
        assert machine.monitor.event("RESET")["data"]["guest"] is True
        assert b"SeaBIOS" in boot(machine)
        machine.serial.login("root")
        machine.serial.send(b"poweroff\r")
        machine.serial.expect(rb"reboot: Power down")
        assert machine.process.wait(END_S) == 0


def test_a_panic_shows_and_is_told_to_the_host(demo_guest: Guest) -> None:
    with running(demo_guest) as machine:
        boot(machine)
        machine.monitor.execute("chardev-send-break", id="serial0")
        machine.serial.send(b"c")
        machine.serial.expect(rb"Kernel panic - not syncing: sysrq triggered crash")
        machine.serial.expect(rb"---\[ end Kernel panic")
        machine.monitor.event("GUEST_PANICKED")
        machine.monitor.execute("system_reset")
        boot(machine)


def test_numbers_at_boot_come_before_the_prompt_and_once(demo_guest: Guest) -> None:
    count = 2000
    with running(demo_guest, append=f"oob.numbers={count}") as machine:
        assert number_lines(1, count) in boot(machine)
        machine.serial.login()
        machine.serial.send(b"exit\r")
        assert b"line " not in machine.serial.expect(PROMPT)


def test_numbers_stop_with_control_c(demo_guest: Guest) -> None:
    with running(demo_guest, append="oob.login=demo") as machine:
        machine.serial.expect(SHELL, BOOT_S)
        machine.serial.send(b"numbers 0 0.05\r")
        machine.serial.expect(re.escape(number_lines(1, 5)))
        machine.serial.send(b"\x03")
        machine.serial.expect(SHELL)
        machine.serial.send(b"numbers 3\r")
        machine.serial.expect(rb"numbers 3\r\n" + re.escape(number_lines(1, 3)))
        machine.serial.send(b"numbers x\r")
        machine.serial.expect(rb"usage: numbers")


def test_numbers_at_boot_with_a_delay_go_on_without_end(demo_guest: Guest) -> None:
    with running(demo_guest, append="oob.numbers=0,0.02") as machine:
        shown = machine.serial.expect(rb"line 00000040 .*\r\n", BOOT_S)
        assert number_lines(1, 40) in shown
        assert b"login:" not in shown


def test_queries_are_printed_as_they_are(demo_guest: Guest) -> None:
    with running(demo_guest, append="oob.login=demo") as machine:
        machine.serial.expect(SHELL, BOOT_S)
        machine.serial.send(b"queries\r")
        shown = machine.serial.expect(rb"queries: done")
        for name, query in QUERIES.items():
            assert query in shown, name


def test_an_unknown_account_is_not_logged_in_by_itself(demo_guest: Guest) -> None:
    with running(demo_guest, append="oob.login=nobody oob.numbers=x") as machine:
        assert b"usage: numbers" in boot(machine)
        machine.serial.login()
