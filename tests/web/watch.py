"""Everything that goes wrong in a page is kept, and a test fails for what it did not declare beforehand."""

from __future__ import annotations

import re

from playwright.async_api import ConsoleMessage, Error, Page, Request

VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  const where = `${event.sourceFile}:${event.lineNumber}`;
  console.error(`[csp] ${event.effectiveDirective} ${event.blockedURI} ${where}`);
});
"""
NAVIGATED_AWAY = "net::ERR_ABORTED"
"""A request that the page itself gave up: a component went away, or the person did."""


class Watch:
    """Watches one page from its beginning."""

    def __init__(self, page: Page) -> None:
        self.seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        page.on("console", self._said)
        page.on("pageerror", self._threw)
        page.on("requestfailed", self._failed)

    def allow(self, *patterns: str) -> None:
        """Declare what may be seen: each a regular expression that is searched for."""
        self._allowed += map(re.compile, patterns)

    @property
    def trouble(self) -> list[str]:
        return [line for line in self.seen if not any(pattern.search(line) for pattern in self._allowed)]

    @property
    def violations(self) -> list[str]:
        """Of the page's Content-Security-Policy."""
        return [line for line in self.seen if "[csp]" in line or "Content Security Policy" in line]

    def check(self) -> None:
        """Fail for what nobody declared; a violation of the policy cannot be declared."""
        assert not self.violations, "\n".join(self.violations)
        assert not self.trouble, "\n".join(self.trouble)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"console.{message.type}: {message.text} ({message.location.get('url')})")

    def _threw(self, error: Error) -> None:
        self.seen.append(f"uncaught: {error.stack or error.message}")

    def _failed(self, request: Request) -> None:
        if request.failure != NAVIGATED_AWAY:
            self.seen.append(f"failed: {request.method} {request.url}: {request.failure}")
