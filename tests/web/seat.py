"""A person at the portal's serial console: what the terminal shows, what the line of states says, typing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import Locator, Page, TimeoutError, expect

from tests.peers.guest import KERNEL_LINE, PASSWORD
from tests.web.visit import Visit

CONNECT_MS = 90_000
REPLY_MS = 90_000
STILL_MS = 400
# The guest's kernel may print a line of its own behind a prompt.
_KERNEL = rf"(?:{KERNEL_LINE}\n?)*"
LOGIN = re.compile(rf"demo login:\s*{_KERNEL}$")
SHELL = re.compile(rf"\w+@demo:\S*[$#]\s*{_KERNEL}$")
_ENDS = """([pattern]) => {
  const rows = [...document.querySelectorAll(".xterm-rows > div")];
  const text = rows.map((row) => row.textContent.replaceAll("\\u00a0", " ").trimEnd());
  return new RegExp(pattern).test(text.join("\\n").trimEnd());
}"""
# What the kernel says by itself is no answer.
_CHANGED = """([before, kernel]) => {
  const text = [...document.querySelectorAll(".xterm-rows > div")].map((row) => row.textContent).join("\\n");
  const words = (all) => all.replaceAll(new RegExp(kernel, "g"), "").replaceAll(/\\s+/g, " ").trim();
  return words(text) !== words(before);
}"""


class Seat:
    """`page` shows one console of the VM `name`, or is about to."""

    def __init__(self, visit: Visit, page: Page | None = None, name: str = "demo") -> None:
        self.visit = visit
        self.page = page or visit.page
        self.name = name

    @property
    def rows(self) -> Locator:
        """The rows of text that the terminal shows."""
        return self.page.locator(".xterm-rows")

    @property
    def keyboard(self) -> Locator:
        """What has the focus while keys go to the guest."""
        return self.page.get_by_role("textbox", name=f"Serial console of {self.name}")

    async def open(self) -> None:
        """Go to the console's page by its address, and wait until the keyboard is there."""
        await self.page.goto(self.visit.portal.vm_page(self.name, "console"))
        await self.accept()
        await self.attached()

    async def accept(self) -> None:
        """Read the caution, if this browser has not been shown it, and wait for the terminal."""
        accepted = self.page.get_by_role("button", name="I have read this")
        await expect(accepted.or_(self.rows).first).to_be_visible(timeout=CONNECT_MS)
        if await accepted.is_visible():
            await accepted.click()
        await expect(self.rows).to_be_visible(timeout=CONNECT_MS)

    async def says(self, words: str | re.Pattern[str], ms: float = CONNECT_MS) -> None:
        """Wait until the page says it: a state, a notice, a person."""
        await expect(self.page.get_by_text(words).first).to_be_visible(timeout=ms)

    async def attached(self, ms: float = CONNECT_MS) -> None:
        """Wait until the line of states says that what is typed goes to the guest."""
        await expect(self.page.get_by_text("You have the keyboard", exact=True)).to_be_visible(timeout=ms)

    async def shows(self, text: str | re.Pattern[str], ms: float = REPLY_MS) -> None:
        """Wait until the terminal shows it."""
        await expect(self.rows).to_contain_text(text, timeout=ms)

    async def text(self) -> str:
        """The terminal's rows as they are now, without the empty ones at the end."""
        rows: list[str] = await self.rows.locator("> div").all_text_contents()
        return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows).rstrip()

    async def type(self, text: str) -> None:
        """Type as on a keyboard; a line feed is Enter."""
        await self.focus()
        await self.page.keyboard.type(text)

    async def focus(self) -> None:
        await self.keyboard.focus()

    async def log_in(self, username: str = "demo") -> None:
        """Bring the guest to a shell prompt, from its login prompt or from a shell somebody left open."""
        before = await self.still()
        await self.type("\n")
        # Not an older prompt but the one that answers Enter: it would swallow what is typed before it.
        await self.page.wait_for_function(_CHANGED, arg=[before, KERNEL_LINE], timeout=REPLY_MS)
        await self.ends(re.compile(rf"(?:{LOGIN.pattern}|{SHELL.pattern})"))
        await self.still()
        if LOGIN.search(await self.text()):
            await self.type(f"{username}\n")
            await self.ends(re.compile(r"Password:\s*$"))
            await self.type(f"{PASSWORD}\n")
            await self.ends(SHELL)

    async def still(self) -> str:
        """The terminal's text once nothing was added to it for a moment: what was replayed has all come."""
        text = await self.text()
        async with asyncio.timeout(REPLY_MS / 1000):
            while True:
                await self.page.wait_for_timeout(STILL_MS)
                now = await self.text()
                if now == text:
                    return now
                text = now

    async def ends(self, pattern: re.Pattern[str], ms: float = REPLY_MS) -> None:
        """Wait until the last of what the terminal shows fits; says what was there instead."""
        try:
            await self.page.wait_for_function(_ENDS, arg=[pattern.pattern], timeout=ms)
        except TimeoutError:
            raise AssertionError(
                f"the terminal does not end in {pattern.pattern!r}:\n{await self.text()}"
            ) from None

    async def run(self, command: str, answer: str, ms: float = REPLY_MS) -> None:
        """Run a command at the shell prompt and wait for its answer, at the beginning of a line."""
        await self.type(f"{command}\n")
        await self.ends(re.compile(rf"(?:^|\n){answer}\n(?:.*\n)*{SHELL.pattern}"), ms)

    async def download(self) -> bytes:
        """What was seen in this window, byte for byte, as the toolbar saves it."""
        async with self.page.expect_download() as begun:
            await self.action("Download")
            form = self.page.get_by_role("dialog")
            await form.get_by_role("button", name="Download").click()
        return Path(await (await begun.value).path()).read_bytes()

    async def action(self, name: str) -> None:
        """Press a button of the toolbar, in one of its menus where it is not in sight."""
        bar = self.page.get_by_role("toolbar", name="Serial console")
        button = bar.get_by_role("button", name=name, exact=True)
        item = self.page.get_by_role("menuitem", name=name)
        if await button.is_visible():
            await button.click()
            return
        for menu in ("Send keys", "More"):
            await bar.get_by_role("button", name=menu, exact=True).click()
            await expect(self.page.get_by_role("menu")).to_be_visible()
            if await item.is_visible():
                await item.click()
                return
            await self.page.keyboard.press("Escape")
        raise AssertionError(f"the toolbar has no {name}")


__all__ = ["CONNECT_MS", "REPLY_MS", "Seat"]
