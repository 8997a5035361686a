"""The `scope` of people's requests: one resource of ours, and OpenID Connect's own words."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
PERMISSION = "user_impersonation"
"""What a person's token says it is for (claim `scp`): all that the person may do."""
MAX_WORDS = 32


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    audience: str
    words: tuple[str, ...]
    """As asked for, without repetitions."""

    @property
    def openid(self) -> bool:
        return "openid" in self.words

    @property
    def offline(self) -> bool:
        return "offline_access" in self.words

    @property
    def granted(self) -> str:
        """What the answer says was granted. Clients file the token under these words."""
        return " ".join(dict.fromkeys((f"{self.audience}/{PERMISSION}", *self.words)))

    def __str__(self) -> str:
        return " ".join(self.words)


def parse(text: str, audiences: Collection[str], *, default: str) -> Scope | None:
    """Read `scope`; None when it names another resource, more than one, or a permission that does not exist.

    `default` is the audience when no resource is named.
    """
    words = tuple(dict.fromkeys(text.split()))
    found: set[str] = set()
    for word in words:
        if word in OPENID:
            continue
        resource, separator, permission = word.rpartition("/")
        if not separator or resource not in audiences or permission not in (".default", PERMISSION):
            return None
        found.add(resource)
    if len(found) > 1 or len(words) > MAX_WORDS:
        return None
    return Scope(audience=found.pop() if found else default, words=words)
