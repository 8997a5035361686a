"""One request to the Blob service, in the words of its API, free of any web framework."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import msgspec

from outofband.core.errors import Fault

META = "x-ms-meta-"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`path` and the names of `headers` decide what was signed, so both are kept as they came."""

    method: str
    path: str
    """Still quoted, from the first slash."""
    query: tuple[tuple[str, str], ...] = ()
    """Unquoted, in the order of the address."""
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    address: str = ""
    """The peer's IP address; `plain_address` made it."""
    https: bool = True

    def header(self, name: str) -> str | None:
        """A header's value; an empty one counts as none."""
        return self.headers.get(name) or None

    def parameter(self, name: str) -> str | None:
        """A query parameter; names compare without case."""
        for key, value in self.query:
            if key.lower() == name:
                return value
        return None

    @property
    def version(self) -> str:
        """The API version asked for, or empty. Versions are dates, so they compare as texts."""
        return self.headers.get("x-ms-version", "") or self.parameter("sv") or ""

    @property
    def metadata(self) -> dict[str, str]:
        return {
            name.removeprefix(META): value for name, value in self.headers.items() if name.startswith(META)
        }

    def number(self, name: str, *, least: int = 0) -> int | None:
        """A header that holds a whole number. Raises Fault InvalidHeaderValue."""
        given = self.header(name)
        if given is None:
            return None
        if not (given.isascii() and given.isdecimal() and len(given) < 19) or int(given) < least:
            raise Fault("InvalidHeaderValue", name=name, value=given[:80])
        return int(given)

    def moment(self, name: str) -> datetime | None:
        """A header that holds an HTTP date. Raises Fault InvalidHeaderValue."""
        given = self.header(name)
        if given is None:
            return None
        found = http_date(given)
        if found is None:
            raise Fault("InvalidHeaderValue", name=name, value=given[:80])
        return found

    def words(self, name: str) -> frozenset[str]:
        """The words of a query parameter that lists some, in lower case."""
        return frozenset(_words(self.parameter(name) or ""))


def plain_address(text: str) -> str:
    """An IPv4 address as such also where a socket for both families shows it as one of IPv6."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def http_date(text: str) -> datetime | None:
    """The moment that an HTTP date names, None when it is none."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def written_date(moment: datetime) -> str:
    """RFC 9110's form, whole seconds."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _words(text: str) -> Iterator[str]:
    return (word.strip().lower() for word in text.split(",") if word.strip())
