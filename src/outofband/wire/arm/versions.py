"""The api-version rule: any well-formed version at or after the first one a type ever had.

One release of one client mixes a dozen versions, so a short list of known ones would refuse real clients.
"""

from __future__ import annotations

import re
from datetime import date

from outofband.core.errors import Fault

_FORM = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(-[A-Za-z][A-Za-z0-9.]{0,30})?")


def check(given: str | None, since: str) -> str:
    """The version to answer with. `since`: the type's first version, `YYYY-MM-DD`.

    Raises Fault MissingApiVersionParameter or InvalidApiVersionParameter.
    """
    if not given:
        raise Fault("MissingApiVersionParameter")
    found = _FORM.fullmatch(given)
    if found is None or not _is_date(found[1]) or found[1] < since:
        raise Fault("InvalidApiVersionParameter", version=given[:80], supported=f"{since} and later")
    return given


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
