"""One call beside Resource Manager, described."""

from __future__ import annotations

from typing import Any

import msgspec


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `tag` groups it, `about` is a sentence that begins with a verb, `needs` the right."""

    method: str
    path: str
    id: str
    tag: str
    about: str
    needs: str = ""
    """Empty: no token."""
    body: type[msgspec.Struct] | None = None
    example: Any = None
    form: str | None = None
    """A name in `doors.FORMS`."""
    answer: type[msgspec.Struct] | None = None
    status: int = 200
    plain: bool = False
    """It answers text."""
    query: tuple[tuple[str, str], ...] = ()
