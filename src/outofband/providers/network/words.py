"""Words that a property may have."""

from __future__ import annotations

from collections.abc import Iterable

from outofband.core.errors import Fault


def choose(known: Iterable[str], given: str | None, target: str, default: str = "") -> str:
    """The word in Azure's spelling, whatever the case; `default` when there is none.

    Raises Fault InvalidParameter.
    """
    words = [str(each) for each in known]
    if given is None and default:
        return default
    found = next((each for each in words if each.lower() == (given or "").lower()), None)
    if found is None:
        detail = f"'{(given or '')[:40]}' is none of {', '.join(words)}"
        raise Fault("InvalidParameter", target=target, detail=detail)
    return found
