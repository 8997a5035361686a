"""Sign-in names: `admin@outofband.local`. What follows the @ is the tenant's domain, for all its people."""

from __future__ import annotations

import re

from outofband.core.errors import Fault
from outofband.store.directory import Tenant

DOMAIN = "outofband.local"
"""Of the first tenant, when it has none. `.local` is nobody's on the Internet."""
MAX_NAME = 113
"""Characters of a whole name; Azure's own limit."""
MAX_DISPLAY_NAME = 256
_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._'+-]{0,62}[A-Za-z0-9_])?")


def complete(typed: str, tenant: Tenant | None) -> str:
    """What somebody typed as a whole name: without an @ the tenant's domain is added."""
    name = typed.strip()
    if "@" in name or tenant is None or tenant.domain is None:
        return name
    return f"{name}@{tenant.domain}"


def check(name: str, tenant: Tenant) -> None:
    """Raises Fault InvalidParameter when `name` cannot be that of a new user of `tenant`."""
    local, _, domain = name.rpartition("@")
    if domain.lower() != tenant.domain:
        raise _refused(f"it has to end with @{tenant.domain}")
    if not _LOCAL.fullmatch(local) or len(name) > MAX_NAME:
        raise _refused("before the @ it has 1 to 64 letters, digits and ._-+', and begins with none of those")


def _refused(detail: str) -> Fault:
    return Fault("InvalidParameter", target="userPrincipalName", detail=detail)
