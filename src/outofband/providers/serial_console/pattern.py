"""Search expressions for logs, matched by RE2: whatever the expression, the time grows with the text alone.

Python's `re` goes back and tries again, and an expression like `(a+)+b` then takes longer than anybody lives;
whoever may read a log could stop the control plane with one. RE2 has neither backreferences nor looking
around, which is the price (https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import re2

from outofband.core.errors import Fault

MAX_PATTERN = 256
"""Characters of an expression."""
MAX_MATCHES = 32
"""In one line."""
_MAX_MEMORY = 4 * 1024 * 1024
"""Bytes that one compiled expression may take."""


class Pattern:
    """A compiled expression. Raises Fault LogPatternInvalid with what is wrong with it."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        if len(text) > MAX_PATTERN:
            raise _invalid(text, f"it has over {MAX_PATTERN} characters")
        options = re2.Options()
        options.case_sensitive = not ignore_case
        options.max_mem = _MAX_MEMORY
        options.log_errors = False
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            detail = error.args[0] if error.args else "it is no expression"
            raise _invalid(
                text, detail.decode("utf-8", "replace") if isinstance(detail, bytes) else detail
            ) from error
        except UnicodeEncodeError as error:
            raise _invalid(text, "it has a character that no text has") from error

    def finds(self, line: str) -> bool:
        """Whether it matches anywhere in the line."""
        return self._compiled.search(line) is not None

    def matches(self, line: str) -> list[tuple[int, int]]:
        """Where it matches: (first, behind the last) character, none empty, none over another."""
        found: list[tuple[int, int]] = []
        for match in self._compiled.finditer(line):
            first, last = match.span()
            if first < last:
                found.append((first, last))
                if len(found) == MAX_MATCHES:
                    break
        return found


def _invalid(text: str, detail: str) -> Fault:
    return Fault("LogPatternInvalid", pattern=text[:80], detail=detail)
