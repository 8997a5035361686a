"""What a run says is at fault, as its document has it: which of it is true, a fault of the lab knows.

The order in which a cause stands first is the product's own (`outofband.rescue.verdict`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`main` is empty where nothing is told. `causes` are all that are told of parts, the main one among them
    unless it was only seen at the port.
    """

    main: str
    causes: tuple[str, ...]

    def wrong(self, true: Iterable[str]) -> tuple[str, ...]:
        """Causes of parts that are well: those that are not `true`."""
        return tuple(code for code in self.causes if code not in set(true))


def verdict(told: Mapping[str, Any]) -> Verdict:
    """Of the document of a run."""
    main = told["mainCause"]
    return Verdict(main=main["code"] if main is not None else "", causes=tuple(told["causes"]))
