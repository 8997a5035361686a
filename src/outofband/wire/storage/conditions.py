"""Conditional headers, decided the way the Blob service does (RFC 9110 section 13, with its own statuses)."""

from __future__ import annotations

import enum
from datetime import datetime

from outofband.core.errors import Fault
from outofband.wire.storage.asked import Asked


class Verdict(enum.Enum):
    GO = "go"
    NOT_MODIFIED = "not modified"


def check(asked: Asked, etag: str | None, modified: datetime | None, *, reading: bool) -> Verdict:
    """`etag` and `modified` are None when there is nothing. NOT_MODIFIED comes only when `reading`.

    Raises Fault ConditionNotMet; BlobAlreadyExists for a write that wanted nothing to be there.
    """
    match, none = asked.header("if-match"), asked.header("if-none-match")
    since, unmodified = asked.moment("if-modified-since"), asked.moment("if-unmodified-since")
    if match is not None and (etag is None or not names(match, etag)):
        raise _unmet("If-Match")
    if unmodified is not None and match is None and modified is not None and _whole(modified) > unmodified:
        raise _unmet("If-Unmodified-Since")
    if etag is None:
        return Verdict.GO
    if none is not None and names(none, etag):
        if reading:
            return Verdict.NOT_MODIFIED
        raise Fault("BlobAlreadyExists") if none.strip() == "*" else _unmet("If-None-Match")
    if since is not None and none is None and modified is not None and _whole(modified) <= since:
        if reading:
            return Verdict.NOT_MODIFIED
        raise _unmet("If-Modified-Since")
    return Verdict.GO


def check_source(asked: Asked, etag: str, modified: datetime) -> None:
    """The conditions on the source of a copy. Raises Fault SourceConditionNotMet."""
    match, none = asked.header("x-ms-source-if-match"), asked.header("x-ms-source-if-none-match")
    since = asked.moment("x-ms-source-if-modified-since")
    unmodified = asked.moment("x-ms-source-if-unmodified-since")
    met = (
        (match is None or names(match, etag))
        and (none is None or not names(none, etag))
        and (since is None or _whole(modified) > since)
        and (unmodified is None or _whole(modified) <= unmodified)
    )
    if not met:
        raise Fault("SourceConditionNotMet")


def names(header: str, etag: str) -> bool:
    """Whether a list of entity tags names this one. Clients send them with and without their quotes."""
    given = [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]
    return "*" in given or etag.strip('"') in given


def _whole(moment: datetime) -> datetime:
    """HTTP dates have whole seconds, so that is what they are compared in."""
    return moment.replace(microsecond=0)


def _unmet(condition: str) -> Fault:
    return Fault("ConditionNotMet", condition=condition)
