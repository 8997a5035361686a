"""The one exception users get to see: a stable code with fields, never prose.

The sentence, the cause and the remedy for a code live in `catalogue/`, so that API, CLI and portal tell the
same story in the reader's language. `__cause__` keeps the inner error for the log; it never reaches a client.
"""

from __future__ import annotations

from typing import Any


class Fault(Exception):
    """A failure a user may see.

    `code` is a stable PascalCase word that has an entry in the catalogue; `fields` fill that entry's
    templates and must be plain JSON values without secrets; where a fault is told by who raises it, a field
    may be a text in each language (catalogue.Words).
    """

    def __init__(self, code: str, /, **fields: Any) -> None:
        super().__init__(code, fields)
        self.code = code
        self.fields = fields

    def __str__(self) -> str:
        if not self.fields:
            return self.code
        inner = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"{self.code}({inner})"


class ProtocolError(Exception):
    """The peer sent something its protocol does not allow; says what was expected and what came."""
