"""The documents of the Blob service: lists go out, block lists come in, access policies do both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from outofband.core.errors import Fault
from outofband.wire.storage import names, xml
from outofband.wire.storage.asked import written_date
from outofband.wire.storage.ranges import Range
from outofband.wire.storage.sas import Policy

MAX_BLOCKS = 50_000
MAX_POLICIES = 5
PAGE_SIZE = 5000


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a list was asked for, and where it goes on."""

    service: str
    container: str = ""
    prefix: str = ""
    marker: str = ""
    size: int | None = None
    delimiter: str = ""
    after: str = ""
    """The next marker; empty on the last page."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A container or a blob in a list. `properties` are elements by name, in order."""

    name: str
    properties: Mapping[str, str]
    metadata: Mapping[str, str] | None = None
    """None when it was not asked for."""


def containers(listing: Listing, entries: Iterable[Entry]) -> bytes:
    rows = (xml.parent("Container", [xml.element("Name", each.name), *_rest(each)]) for each in entries)
    return xml.document(
        "EnumerationResults",
        [*_asked(listing), xml.parent("Containers", rows), xml.element("NextMarker", listing.after)],
        xml.attribute("ServiceEndpoint", listing.service),
    )


def blobs(listing: Listing, entries: Iterable[Entry | str]) -> bytes:
    """A text among `entries` is a prefix: the common beginning of names up to the delimiter."""
    rows = (
        xml.parent("BlobPrefix", [_name(each)])
        if isinstance(each, str)
        else xml.parent("Blob", [_name(each.name), *_rest(each)])
        for each in entries
    )
    attributes = xml.attribute("ServiceEndpoint", listing.service)
    attributes += xml.attribute("ContainerName", listing.container)
    return xml.document(
        "EnumerationResults",
        [*_asked(listing), xml.parent("Blobs", rows), xml.element("NextMarker", listing.after)],
        attributes,
    )


def block_list(
    committed: Iterable[tuple[str, int]] | None, uncommitted: Iterable[tuple[str, int]] | None
) -> bytes:
    """Ids and lengths; None leaves the part out."""
    parts = []
    for name, blocks in (("CommittedBlocks", committed), ("UncommittedBlocks", uncommitted)):
        if blocks is not None:
            rows = (
                xml.parent("Block", [xml.element("Name", id), xml.element("Size", size)])
                for id, size in blocks
            )
            parts.append(xml.parent(name, rows))
    return xml.document("BlockList", parts)


def page_list(ranges: Iterable[Range]) -> bytes:
    return xml.document(
        "PageList",
        (
            xml.parent("PageRange", [xml.element("Start", each.start), xml.element("End", each.end - 1)])
            for each in ranges
        ),
    )


def read_block_list(body: bytes) -> list[tuple[str, str]]:
    """Pairs of `Committed`, `Uncommitted` or `Latest` and a block's id.

    Raises Fault InvalidXmlDocument, InvalidBlockId or BlockListTooLong.
    """
    root = xml.read(body)
    if root.name != "BlockList":
        raise Fault("InvalidXmlDocument", detail="expected a BlockList")
    if len(root.children) > MAX_BLOCKS:
        raise Fault("BlockListTooLong", limit=MAX_BLOCKS)
    for each in root.children:
        if each.name not in ("Committed", "Uncommitted", "Latest"):
            raise Fault("InvalidXmlDocument", detail=f"unknown element {each.name[:40]}")
    return [(each.name, names.block(each.text)) for each in root.children]


def policies(given: Iterable[Policy]) -> bytes:
    return xml.document("SignedIdentifiers", (_policy(each) for each in given))


def read_policies(body: bytes) -> list[Policy]:
    """Raises Fault InvalidXmlDocument."""
    if not body.strip():
        return []
    root = xml.read(body)
    if root.name != "SignedIdentifiers" or len(root.children) > MAX_POLICIES:
        raise Fault("InvalidXmlDocument", detail=f"expected at most {MAX_POLICIES} SignedIdentifiers")
    found = []
    for each in root.children:
        inner = each.child("AccessPolicy") or xml.Node(name="AccessPolicy")
        found.append(
            Policy(
                id=each.value("Id"),
                start=inner.value("Start"),
                expiry=inner.value("Expiry"),
                permissions=inner.value("Permission"),
            )
        )
    if any(not 0 < len(each.id) <= 64 for each in found):
        raise Fault("InvalidXmlDocument", detail="an Id has 1 to 64 characters")
    return found


def service_properties() -> bytes:
    """Those of an account whose optional features are all off, which is every account here."""
    off = xml.parent("RetentionPolicy", [xml.element("Enabled", "false")])
    logging = [xml.element("Version", "1.0")]
    logging += [xml.element(each, "false") for each in ("Delete", "Read", "Write")]
    metrics = [xml.element("Version", "1.0"), xml.element("Enabled", "false"), off]
    return xml.document(
        "StorageServiceProperties",
        [
            xml.parent("Logging", [*logging, off]),
            xml.parent("HourMetrics", metrics),
            xml.parent("MinuteMetrics", metrics),
            xml.element("Cors", None),
            xml.parent("DeleteRetentionPolicy", [xml.element("Enabled", "false")]),
            xml.parent("StaticWebsite", [xml.element("Enabled", "false")]),
        ],
    )


def properties(modified: datetime, etag: str, more: Mapping[str, str | None]) -> dict[str, str]:
    """Elements of `Properties`; those without a value are left out. Lists have entity tags without quotes."""
    found = {"Last-Modified": written_date(modified), "Etag": etag.strip('"')}
    return found | {name: value for name, value in more.items() if value is not None}


def _rest(entry: Entry) -> list[str]:
    inner: Sequence[str] = [xml.element(name, value) for name, value in entry.properties.items()]
    parts = [xml.parent("Properties", inner)]
    if entry.metadata is not None:
        parts.append(xml.parent("Metadata", (xml.element(*each) for each in entry.metadata.items())))
    return parts


def _asked(listing: Listing) -> list[str]:
    given = {
        "Prefix": listing.prefix,
        "Marker": listing.marker,
        "MaxResults": str(listing.size) if listing.size is not None else "",
        "Delimiter": listing.delimiter,
    }
    return [xml.element(name, value) for name, value in given.items() if value]


def _name(text: str) -> str:
    if xml.writable(text):
        return xml.element("Name", text)
    return f'<Name Encoded="true">{quote(text)}</Name>'


def _policy(policy: Policy) -> str:
    inner = {"Start": policy.start, "Expiry": policy.expiry, "Permission": policy.permissions}
    access = xml.parent("AccessPolicy", [xml.element(name, value) for name, value in inner.items() if value])
    return xml.parent("SignedIdentifier", [xml.element("Id", policy.id), access])
