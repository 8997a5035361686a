"""The portal's texts by language, read from its catalogue, and the English ones that a page still shows."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from playwright.async_api import Page

_TEXT = Path(__file__).parents[2] / "web" / "src" / "text"
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLACE = re.compile(r"\\\{(\w+)\\\}")
_VALUES = {"count": r"[\d.,\s]+", "offset": r"[\d.,\s]+", "name": r"\S+", "noun": r"[^:]+"}
"""What stands in a place; anything does in one of another name. What a guest printed is no text of ours."""
THE_APIS = frozenset(
    {"Enabled", "Disabled", "Succeeded", "Owner", "Reader", "Contributor", "stopped", "running"}
)
"""Words of the API's own, shown as they come: names of roles, states, calls."""

_SHOWN = """
() => {
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const found = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const place = node.parentElement;
    const others = "noscript, script, style, code, pre, .xterm, [lang]:not(html)";
    if (place && !place.closest(others) && shown(place)) found.push(node.data);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const element of document.querySelectorAll(`[${name}]`))
      if (shown(element)) found.push(element.getAttribute(name));
  return [...new Set(found.map((text) => text.replaceAll(/\\s+/g, " ").trim()))];
}
"""
_CUT_OFF = """
() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
      if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  return [...document.querySelectorAll("button, [role=button], [role=tab], a[class*=fui-Button]")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .filter((each) => {
      const { left, right, top } = each.getBoundingClientRect();
      // What is above the window comes into it with the focus.
      if (top < 0) return false;
      return each.scrollWidth > each.clientWidth + 1 || (!scrolls(each) && (left < 0 || right > wide + 1));
    })
    .map((each) => each.textContent || each.getAttribute("aria-label"));
}
"""


@cache
def texts(language: str) -> frozenset[str]:
    """Every text of a language, plural forms apart, with its placeholders."""
    found: set[str] = set()
    for path in (_TEXT / language).glob("*.ts"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("import ")]
        found.update(json.loads(each) for each in _LITERAL.findall("\n".join(lines)))
    return frozenset(found)


@cache
def _english(language: str) -> re.Pattern[str]:
    """English texts, without those that both languages share and those that are little but placeholders."""
    foreign = sorted(
        each
        for each in texts("en") - texts(language) - THE_APIS
        if "{" not in each or re.search(r"[A-Za-z]{4}", re.sub(r"\{\w+\}", "", each))
    )
    patterns = (_PLACE.sub(lambda place: _VALUES.get(place[1], ".+"), re.escape(each)) for each in foreign)
    return re.compile("|".join(patterns))


async def left_in_english(page: Page, language: str) -> list[str]:
    """What the page shows, says to a screen reader or hints at in words of the English catalogue."""
    shown: list[str] = await page.evaluate(_SHOWN)
    return [each for each in shown if _english(language).fullmatch(each)]


async def cut_off(page: Page) -> list[str]:
    """Buttons whose words do not fit into them, or that stand outside of the window."""
    found: list[str] = await page.evaluate(_CUT_OFF)
    return found
