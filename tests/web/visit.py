"""A person in front of a page: signing in, looking for trouble, taking pictures."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.watch import VIOLATIONS, Watch

ROOT = Path(__file__).parents[2]
PICTURES = "OOB_PICTURES"
"""Names the folder that pictures of the portal are written to; without it none are taken."""
PATIENCE_MS = 90_000
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)

_AXE = """
async () => {
  // A colour on its way from one theme to the other is neither's.
  await new Promise(requestAnimationFrame);
  const ends = (motion) => motion.effect.getComputedTiming().endTime < Infinity;
  const settled = Promise.allSettled(document.getAnimations().filter(ends).map((motion) => motion.finished));
  await Promise.race([settled, new Promise((late) => setTimeout(late, 2000))]);
  // Fluent's focus guards are hidden and focusable on purpose: whoever gets there is sent on at once.
  const all = { include: [["html"]], exclude: [["[data-tabster-dummy]"]] };
  const found = await axe.run(all, { resultTypes: ["violations"], preload: false });
  return found.violations
    .filter((rule) => rule.impact === "serious" || rule.impact === "critical")
    .map((rule) => `${rule.impact} ${rule.id}: ${rule.help}\\n` +
      rule.nodes.map((node) => `    ${node.target.join(" ")}: ${node.html}`).join("\\n"));
}
"""


@cache
def _axe_core() -> str:
    return (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()


class Visit:
    """One browser profile (its own cookies) and its first page."""

    def __init__(self, portal: Portal, context: BrowserContext, page: Page) -> None:
        self.portal = portal
        self.context = context
        self.page = page
        self.watches: list[tuple[Page, Watch]] = []
        self._watch(page)
        context.on("page", self._watch)

    def allow(self, *patterns: str) -> None:
        """Declare trouble that this test is about: regular expressions, for every page of this visit."""
        for _, watch in self.watches:
            watch.allow(*patterns)

    async def sign_in(
        self, person: Person, *, new_password: str | None = None, to: str | None = None
    ) -> None:
        """Go to the portal, or to another of its addresses, through its sign-in page."""
        await self.page.goto(to or self.portal.address)
        await self.fill_in(person)
        if new_password is not None:
            await self.page.get_by_label("Current password").fill(person.password)
            await self.page.get_by_label("New password", exact=True).fill(new_password)
            await self.page.get_by_label("New password again").fill(new_password)
            await self.page.get_by_role("button", name="Change password").click()
        await self.inside()

    async def fill_in(self, person: Person) -> None:
        """Answer the sign-in page that is shown."""
        await self.page.get_by_role("textbox", name="User name").fill(person.name)
        await self.page.get_by_label("Password", exact=True).fill(person.password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def inside(self) -> None:
        """Wait until the portal's frame is shown."""
        await expect(self.page.get_by_role("navigation").first).to_be_visible()

    async def speak(self, menu: str, language: str) -> None:
        """Choose a language by its own name at the globe, which is called `menu` until then."""
        await self.page.get_by_role("button", name=menu, exact=True).click()
        await self.page.get_by_role("menuitemradio", name=language).click()

    @property
    def dialog(self) -> Locator:
        """The question or form that is open over the page."""
        return self.page.locator("[role=dialog], [role=alertdialog]")

    async def axe(self, page: Page | None = None) -> None:
        """No serious or critical finding of axe-core in the page as it is now."""
        page = page or self.page
        await page.evaluate(_axe_core())  # by the debugger: the page's policy stays as it is
        found: list[str] = await page.evaluate(_AXE)
        assert not found, f"{page.url}\n" + "\n".join(found)

    async def fits(self) -> None:
        """The page is no wider than the window: nobody has to scroll sideways."""
        wide: int = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{self.page.url}: {wide} px too wide"

    async def picture(self, name: str) -> None:
        """Write NAME-light.png and NAME-dark.png into the folder that OOB_PICTURES names."""
        folder = os.environ.get(PICTURES)
        if not folder:
            return
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme)
            path = Path(folder) / f"{name}-{scheme}.png"
            await self.page.screenshot(path=path, animations="disabled")
        await self.page.emulate_media(color_scheme="light")

    def _watch(self, page: Page) -> None:
        if all(known is not page for known, _ in self.watches):
            self.watches.append((page, Watch(page)))


class Visits:
    """Everyone in front of a browser in one test."""

    def __init__(self, browser: Browser, portal: Portal, folder: Path) -> None:
        self._browser = browser
        self._portal = portal
        self._folder = folder
        self._all: list[Visit] = []

    async def open(self, viewport: ViewportSize = DESK, **more: Any) -> Visit:
        """A new browser profile with an empty page; `more` are options of a Playwright context."""
        context = await self._browser.new_context(viewport=viewport, **({"locale": "en-GB"} | more))
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(VIOLATIONS)
        visit = Visit(self._portal, context, await context.new_page())
        self._all.append(visit)
        return visit

    async def close(self, *, failed: bool) -> None:
        """Close everything; fail for undeclared trouble, or say what was seen when the test has failed."""
        try:
            if failed:
                for number, visit in enumerate(self._all):
                    await self._tell(number, visit)
            else:
                for visit in self._all:
                    for _, watch in visit.watches:
                        watch.check()
        finally:
            for visit in self._all:
                await visit.context.close()
            self._all.clear()

    async def _tell(self, number: int, visit: Visit) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for index, (page, watch) in enumerate(visit.watches):
            if page.is_closed():
                continue
            picture = self._folder / f"visit-{number}-page-{index}.png"
            await page.screenshot(path=picture)
            print(f"--- {page.url} at {time.strftime('%X')}, picture: {picture}")
            print("\n".join(watch.seen) or "no trouble seen")
            print(await page.locator("body").aria_snapshot())
