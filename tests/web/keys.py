"""What a keyboard makes of two keys, or of another layout: Playwright presses those of an American one."""

from __future__ import annotations

from playwright.async_api import CDPSession

_CODES = {"Semicolon": 186, "KeyE": 69, "Digit7": 55}
"""What a browser calls a key by its place on the keyboard."""


class Keys:
    """By Chromium's own protocol, which has the events that an operating system gives it."""

    def __init__(self, chromium: CDPSession) -> None:
        self._chromium = chromium

    async def dead(self, accent: str, letter: str) -> None:
        """A dead key, which shows its accent and waits, and the letter that comes of it."""
        waits = {"text": accent, "selectionStart": 1, "selectionEnd": 1}
        await self._chromium.send("Input.imeSetComposition", waits)
        await self._chromium.send("Input.insertText", {"text": letter})

    async def other(self, letter: str, place: str) -> None:
        """The key at a place (`KeyboardEvent.code`), on a layout that has this letter there."""
        key = {"key": letter, "code": place, "windowsVirtualKeyCode": _CODES[place]}
        await self._chromium.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": letter, **key})
        await self._chromium.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
