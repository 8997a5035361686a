"""Machines that do not come up by themselves, brought up from the console: GRUB's menu, and a panic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from guests import grub
from guests.build import Guest
from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House
from tests.support.terminal import SHELL, Terminal

DOWN, ENTER = b"\x0e", b"\r"
"""Ctrl-N for GRUB: an arrow is three bytes, and it gives up after a tenth of a second without the next."""
SINGLE, GONE = 1, 2
"""Entries of the menu, counted from the one that is chosen already."""
PATIENCE_S = 300.0
"""For a boot through firmware and GRUB while others have the machine."""
MENU = rb"Use the .{0,40} keys to select"
GRUB = rb"grub> "
ROOT = rb"/ # "


@pytest.fixture(scope="module")
def menu(house: House, demo_guest: Guest) -> House:
    """A house with a VM `menu` whose GRUB waits for somebody."""
    disk = grub.build(house.root / "grub.img", demo_guest)
    house.oob("agent", "image", "grub", "--disk", str(disk))
    house.kill("agent")
    house.up("--no-demo")
    house.oob("vm", "create", "menu", "--image", "grub")
    return house


# What was printed at an earlier start must not pass for what is printed at the next.
FRESH = ("--replay", "0")


@contextmanager
def seat(house: House, name: str, *more: str) -> Iterator[Terminal]:
    with Terminal([*OOB, "console", name, *more], house.env) as made:
        made.expect(rb"you have the keyboard")
        yield made
        made.send(b"\x1dq")
        assert made.wait() == 0


def choose(at: Terminal, entry: int) -> None:
    """In the menu that was just seen."""
    for number in range(entry):
        at.send(DOWN)
        at.expect(grub.ENTRIES[number + 1].encode())
    at.send(ENTER)


def tell_grub(at: Terminal, line: bytes, answer: bytes) -> None:
    """At the prompt that was just seen: the next key when the last one shows, as a person types."""
    for key in line:
        at.send(bytes([key]))
        at.expect(re.escape(bytes([key])))
    at.send(ENTER)
    at.expect(answer, PATIENCE_S)


def test_the_menu_is_driven_from_the_console(menu: House) -> None:
    with seat(menu, "menu") as at:
        at.expect(MENU, PATIENCE_S)
        choose(at, GONE)
        at.expect(rb"file `/boot/vmlinuz-gone' not found")
        at.expect(rb"Press any key to continue")
        at.send(b" ")
        at.expect(MENU)
        choose(at, SINGLE)
        at.expect(ROOT, PATIENCE_S)
        at.send(b"echo $((6*7))-single\r")
        at.expect(rb"\n42-single")


def test_a_restart_leads_through_the_menu_with_the_console_attached(menu: House) -> None:
    with seat(menu, "menu", *FRESH) as at:
        menu.oob("serial", "send", "menu", "reset")
        at.expect(MENU, PATIENCE_S)
        choose(at, 0)
        at.expect(rb"demo login: ", PATIENCE_S)


def test_a_command_line_is_typed_in_grub_itself(menu: House) -> None:
    """`c` opens GRUB's prompt: what there is on the disk, and a kernel that no entry names."""
    with seat(menu, "menu", *FRESH) as at:
        menu.oob("serial", "send", "menu", "reset")
        at.expect(MENU, PATIENCE_S)
        at.send(b"c")
        at.expect(GRUB)
        tell_grub(at, b"ls (hd0,msdos1)/boot", rb"vmlinuz")
        at.expect(GRUB)
        tell_grub(at, b"linux /boot/vmlinuz console=ttyS0 oob.login=root", GRUB)
        tell_grub(at, b"initrd /boot/initrd.img", GRUB)
        tell_grub(at, b"boot", rb"root@demo:~# ")


def test_a_panic_is_seen_and_a_reset_ends_it(house: House) -> None:
    with seat(house, "demo") as at:
        at.send(ENTER)
        if b"login:" in at.expect(rb"demo login: $|" + SHELL, PATIENCE_S):
            at.send(b"demo\r")
            at.expect(rb"Password: ")
            at.send(PASSWORD.encode() + ENTER)
            at.expect(SHELL)
        at.send(b"su -\r")
        at.expect(rb"Password: ")
        at.send(PASSWORD.encode() + ENTER)
        at.expect(rb"root@demo:~# ")
        at.send(b"echo c >/proc/sysrq-trigger\r")
        at.expect(rb"Kernel panic - not syncing: sysrq triggered crash")
        house.oob("serial", "send", "demo", "reset")
        at.expect(rb"demo login: ", PATIENCE_S)
