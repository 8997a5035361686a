"""What a request is about: an account, a container, a blob, by its host name or the beginning of its path."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import msgspec

from outofband.core.errors import Fault
from outofband.wire.storage import names

PREFIX = "blob"
_HOST = re.compile(r"^([a-z0-9]{3,24})\.blob\.", re.IGNORECASE)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    container: str = ""
    blob: str = ""
    styled: bool
    """The account is in the path. Clients then know it by a name with the path in front."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names under which clients may have signed for the account."""
        return (self.account, f"{PREFIX}/{self.account}") if self.styled else (self.account,)


def find(host: str, path: str) -> Target | None:
    """None when this is nothing for the Blob service. `path` is quoted. Raises Fault InvalidResourceName."""
    named = _HOST.match(host)
    segments = path.lstrip("/").split("/", 3)
    if named:
        account, rest, styled = named[1].lower(), path[1:], False
    elif len(segments) > 1 and segments[0] == PREFIX and names.ACCOUNT.match(segments[1]):
        account, rest, styled = segments[1], path.lstrip("/").partition("/")[2].partition("/")[2], True
    else:
        return None
    first, _, second = rest.partition("/")
    container, blob = _text(first), _text(second)
    if container:
        names.container(container)
    if blob:
        names.blob(blob)
    return Target(account=account, container=container, blob=blob, styled=styled)


def _text(quoted: str) -> str:
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError as error:
        raise Fault("InvalidResourceName", name=quoted[:80]) from error
