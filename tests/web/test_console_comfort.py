"""What makes a terminal in a browser a good one: keys, size, pastes, and what the machine printed before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.keys import Keys
from tests.web.people import Person
from tests.web.seat import SHELL, Seat
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio

BOOT_MS = 90_000
CLIPBOARD = ["clipboard-read", "clipboard-write"]
PRESSED = {
    "ArrowUp": "\x1b[A",
    "ArrowDown": "\x1b[B",
    "ArrowRight": "\x1b[C",
    "ArrowLeft": "\x1b[D",
    "Home": "\x1b[H",
    "End": "\x1b[F",
    "Insert": "\x1b[2~",
    "Delete": "\x1b[3~",
    "PageUp": "\x1b[5~",
    "PageDown": "\x1b[6~",
    "F1": "\x1bOP",
    "F2": "\x1bOQ",
    "F3": "\x1bOR",
    "F4": "\x1bOS",
    "F5": "\x1b[15~",
    "F6": "\x1b[17~",
    "F7": "\x1b[18~",
    "F8": "\x1b[19~",
    "F9": "\x1b[20~",
    "F10": "\x1b[21~",
    "F11": "\x1b[23~",
    "F12": "\x1b[24~",
    "Escape": "\x1b",
    "Tab": "\t",
    "Backspace": "\x7f",
    "Control+c": "\x03",
    "Control+ArrowLeft": "\x1b[1;5D",
    "Shift+F5": "\x1b[15;2~",
    "Alt+b": "\x1bb",
}
"""What xterm sends, written down from its control sequences and not taken from our own tables."""
ARROWS = {"↑": "\x1b[A", "↓": "\x1b[B", "→": "\x1b[C", "←": "\x1b[D"}
BAR = {"Esc": "\x1b", "Tab": "\t", **ARROWS, "Page Up": "\x1b[5~", "Page Down": "\x1b[6~"}
BAR |= {key: sent for key, sent in PRESSED.items() if key in ("Home", "End", "Insert", "Delete")}
BAR |= {key: sent for key, sent in PRESSED.items() if key.startswith("F")}


async def at_shell(visit: Visit, person: Person) -> Seat:
    await visit.sign_in(person)
    seat = Seat(visit)
    await seat.open()
    await seat.log_in()
    return seat


async def arrive(seat: Seat, wanted: str, press: Callable[[], Awaitable[None]]) -> None:
    """What is pressed is at the guest these bytes, and no more or fewer than these."""
    raw = wanted.encode()
    # One byte more than is wanted is the end, so that a byte too many is seen.
    got = f"$(head -c {len(raw) + 1} | hexdump -v -e '1/1 \"%02x\"')"
    ready = "printf 'rea%s\\r\\n' dy"
    await seat.type(f'stty raw -echo; {ready}; got={got}; stty sane; echo; echo "[$got]"\n')
    await seat.ends(re.compile(r"ready$"))
    await press()
    await seat.page.keyboard.type("q")
    await seat.ends(re.compile(rf"\]\n{SHELL.pattern}"))
    shown = (await seat.text()).replace("\n", "")
    assert bytes.fromhex(re.findall(r"\[([0-9a-f]+)\]", shown)[-1]) == raw + b"q"


async def test_keys_are_at_the_guest_what_xterm_sends(visits: Visits, admin: Person) -> None:
    visit = await visits.open()
    seat = await at_shell(visit, admin)
    page = visit.page

    async def all_keys() -> None:
        for key in PRESSED:
            await page.keyboard.press(key)

    await arrive(seat, "".join(PRESSED.values()), all_keys)

    # As vi and less ask for it.
    async def arrows() -> None:
        for key in ("ArrowUp", "ArrowLeft", "Home"):
            await page.keyboard.press(key)

    await seat.type("printf '\\033[?1h'\n")
    await seat.still()
    await arrive(seat, "\x1bOA\x1bOD\x1bOH", arrows)
    await seat.type("printf '\\033[?1l'\n")
    await seat.still()

    # A dead key, a letter of another layout, and one that a layout has behind AltGr.
    async def letters() -> None:
        keys = Keys(await visit.context.new_cdp_session(page))
        await keys.dead("´", "é")
        await keys.other("ж", "Semicolon")
        await keys.other("€", "KeyE")
        await keys.other("{", "Digit7")

    await arrive(seat, "éж€{", letters)


async def test_a_phones_key_bar_sends_the_same(visits: Visits, admin: Person) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True, permissions=CLIPBOARD)
    seat = await at_shell(visit, admin)
    keys = visit.page.get_by_role("toolbar", name="Key bar")
    await expect(keys).to_be_visible()
    await visit.fits()
    await visit.axe()
    await seat.run("clear; uname -sr", "Linux .+")
    await visit.picture("phone-console")

    async def all_keys() -> None:
        for label in BAR:
            await keys.get_by_role("button", name=label, exact=True).tap()
        # Held for the next key: of the bar, or of the phone's own keyboard.
        await keys.get_by_role("button", name="Ctrl", exact=True).tap()
        await keys.get_by_role("button", name="→", exact=True).tap()
        await keys.get_by_role("button", name="Alt", exact=True).tap()
        await visit.page.keyboard.type("f")
        await keys.get_by_role("button", name="Ctrl", exact=True).tap()
        await visit.page.keyboard.type("a")
        await expect(seat.keyboard).to_be_focused()

    await arrive(seat, "".join(BAR.values()) + "\x1b[1;5C\x1bf\x01", all_keys)

    # What is under way can be stopped with a thumb, too.
    await paste(seat, document("/tmp/thumb", words(60_000)))
    await visit.dialog.get_by_role("button", name="Paste", exact=True).tap()
    await visit.page.get_by_role("button", name="Pause", exact=True).tap()
    stop = visit.page.get_by_role("button", name="Stop", exact=True)
    await expect(visit.page.get_by_text(re.compile("Paste paused"))).to_be_visible()
    await expect(stop).to_be_in_viewport(ratio=1)
    await visit.fits()
    await stop.tap()
    # All of what is said is to be read.
    said = visit.page.get_by_text(re.compile(r"The paste ended after [\d.,]+ of [\d.,]+ bytes"))
    await expect(said).to_be_visible()
    assert await said.evaluate("each => each.scrollWidth <= each.clientWidth")
    await seat.focus()
    await visit.page.keyboard.press("Control+c")
    await seat.ends(SHELL)


async def test_one_key_tells_the_size_or_shows_what_programs_count_on(visits: Visits, admin: Person) -> None:
    visit = await visits.open()
    seat = await at_shell(visit, admin)
    page = visit.page

    async def shown() -> tuple[int, int]:
        """Rows and columns, by the line of states."""
        text = await page.get_by_text(re.compile(r"^\d+ × \d+$")).inner_text()
        cols, rows = map(int, text.split(" × "))
        return rows, cols

    async def size_key() -> None:
        await seat.focus()
        await page.keyboard.press("Control+]")
        await page.keyboard.press("z")

    rows, cols = await shown()
    await seat.run("stty rows 24 cols 80; stty size", "24 80")
    await size_key()
    await seat.says(f"The guest was told {cols} × {rows}.")
    await seat.ends(SHELL)
    await seat.run("stty size", f"{rows} {cols}")
    # The window gets smaller, the key is pressed again.
    await page.set_viewport_size({"width": 1180, "height": 600})
    await expect(page.get_by_text(f"{cols} × {rows}", exact=True)).to_have_count(0)
    rows, cols = await shown()
    await size_key()
    await seat.ends(SHELL)
    await seat.run("stty size", f"{rows} {cols}")

    # No shell, so nothing may be typed: a box of the usual size, in smaller letters where it has to be.
    await seat.type("cat\n")
    await seat.still()
    await size_key()
    await expect(page.get_by_text("80 × 25", exact=True)).to_be_visible()
    await expect(seat.rows.locator("> div")).to_have_count(25)
    await size_key()
    await expect(page.get_by_text(f"{cols} × {rows}", exact=True)).to_be_visible()
    assert "stty rows" not in (await seat.text()).split("cat")[-1]
    await page.keyboard.press("Control+c")
    await seat.ends(SHELL)


def words(size: int) -> str:
    """Lines in which letters repeat, so that one lost or doubled is seen; nothing that a shell would obey."""
    lines = [f"{number:05d} aa bbb cccc book feet {'x' * (number % 40)}" for number in range(size // 40)]
    return "\n".join(lines) + "\n"


def document(path: str, text: str) -> str:
    return f"cat > {path} <<'END'\n{text}END\n"


async def paste(seat: Seat, text: str) -> None:
    """By the clipboard of the browser and its own key for pasting."""
    await seat.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    await seat.focus()
    await seat.page.keyboard.press("Control+Shift+V")


async def test_a_paste_is_shown_before_and_arrives_whole(
    visits: Visits, admin: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = await visits.open(permissions=CLIPBOARD)
    seat = await at_shell(visit, admin)
    page = visit.page
    progress = page.get_by_role("progressbar", name="Progress of the paste")
    text = words(6_000)
    await paste(seat, document("/tmp/pasted", text))
    await expect(visit.dialog.get_by_label("What is pasted")).to_have_value(re.compile("^cat > /tmp/pasted"))
    await visit.axe()
    await visit.picture("console-paste")
    # Not pasted, nothing is typed.
    await visit.dialog.get_by_role("button", name="Cancel").click()
    assert "pasted" not in await seat.still()

    await paste(seat, document("/tmp/pasted", text))
    await visit.dialog.get_by_role("button", name="Paste", exact=True).click()
    await expect(progress).to_be_visible()
    # A busy guest's shell echoes some of it twice. What counts is what its own sum says below.
    done = page.get_by_text(re.compile("^Pasted[:,]"))
    await expect(done).to_be_visible(timeout=BOOT_MS)
    with capsys.disabled():
        print(f"\nthe paste's own verdict: {await done.inner_text()}")
    await seat.ends(SHELL)
    digest = hashlib.sha256(text.encode()).hexdigest()
    await seat.run("sha256sum /tmp/pasted", f"{digest}  /tmp/pasted")

    # One that is stopped half-way, after a rest in which nothing is typed.
    await paste(seat, document("/tmp/stopped", words(60_000)))
    await visit.dialog.get_by_role("button", name="Paste", exact=True).click()
    await page.get_by_role("button", name="Pause", exact=True).click()
    paused = page.get_by_text(re.compile(r"Paste paused at \d+ %"))
    await expect(paused).to_be_visible()
    # What was on its way when it was paused is counted when it has come.
    still = await seat.still()
    before = await paused.inner_text(), still
    await visit.axe()
    assert before == (await paused.inner_text(), await seat.still())
    await page.get_by_role("button", name="Go on").click()
    await expect(paused).to_have_count(0)
    await page.get_by_role("button", name="Stop", exact=True).click()
    await seat.says(re.compile(r"The paste ended after [\d.,]+ of [\d.,]+ bytes: it was asked to"))
    await expect(progress).to_have_count(0)
    # The guest still waits for the end of its document.
    await seat.focus()
    await page.keyboard.press("Control+c")
    await seat.ends(SHELL)
    await seat.run("ls /tmp/pasted /tmp/stopped 2>&1 | wc -l", "2")


async def test_ctrl_alt_del_restarts_the_guest_and_the_boot_before_is_still_there(
    visits: Visits, admin: Person
) -> None:
    visit = await visits.open(permissions=CLIPBOARD)
    seat = await at_shell(visit, admin)
    page = visit.page
    await seat.run("echo before-$((40+2))", "before-42")
    await seat.action("Send Ctrl-Alt-Del")
    await expect(visit.dialog).to_contain_text("Firmware, boot loaders and Linux restart on it")
    await visit.axe()
    await visit.dialog.get_by_label("Reason (optional)").fill("hangs")
    await visit.dialog.get_by_role("button", name="Send Ctrl-Alt-Del").click()
    await seat.says("The machine was reset.")
    await seat.ends(re.compile(r"demo login:\s*$"), BOOT_MS)

    await page.get_by_role("toolbar").first.get_by_role("button", name="Earlier output").click()
    pane = page.get_by_role("region", name="Output of demo from before")
    lines = pane.get_by_role("listbox")
    await expect(lines.get_by_text(re.compile("demo login:")).last).to_be_visible()
    await pane.get_by_role("button", name="Previous boot").click()
    await expect(lines.get_by_text(re.compile("Linux version")).first).to_be_in_viewport()
    await pane.get_by_role("textbox", name="Search all of the log").fill("before-42")
    await page.keyboard.press("Enter")
    await expect(pane.get_by_text("1 found")).to_be_visible()
    await pane.get_by_role("button", name="Next match").click()
    await expect(lines.locator("mark").first).to_be_in_viewport()
    # Marked by the search, copied, and all of it as a file.
    await lines.locator("mark").first.click()
    await pane.get_by_role("button", name="Copy marked lines").click()
    assert (await page.evaluate("navigator.clipboard.readText()")).strip().endswith("before-42")
    await pane.get_by_role("button", name="Download").click()
    async with page.expect_download() as begun:
        await page.get_by_role("menuitem", name="Text").click()
    saved = Path(await (await begun.value).path()).read_text()
    assert saved.count("Linux version") >= 2
    assert "before-42" in saved
    await visit.axe()
