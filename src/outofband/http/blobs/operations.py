"""From method and query to the handler that answers, and what the caller needs for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from outofband.core.errors import Fault
from outofband.http.blobs import changing, containers, needs, reading, writing
from outofband.http.blobs.changing import Copying
from outofband.http.blobs.exchange import Ask, Reply
from outofband.http.blobs.needs import Need
from outofband.http.blobs.target import Target
from outofband.wire.storage.asked import Asked

Handler = Callable[[Ask], Awaitable[Reply]]
_READS = ("GET", "HEAD")
_REFUSED = (
    "x-ms-structured-body",
    "x-ms-content-crc64",
    "x-ms-source-content-md5",
    "x-ms-source-content-crc64",
    "x-ms-source-range",
    "x-ms-copy-source-authorization",
    "x-ms-tags",
    "x-ms-if-tags",
    "x-ms-source-if-tags",
    "x-ms-encryption-key",
    "x-ms-encryption-scope",
    "x-ms-immutability-policy-until-date",
    "x-ms-legal-hold",
)
"""Headers that ask for a check, a condition or a protection which is not offered. To pass over one would
break a promise without a word.
"""


class Operation(msgspec.Struct, frozen=True):
    need: Need
    handler: Handler


class Operations:
    def __init__(self, copying: Copying) -> None:
        copy = Operation(needs.MAKE_BLOB, copying.copy)
        self._copy = copy
        self._service = {
            ("GET", "list"): Operation(needs.LIST_CONTAINERS, containers.list_containers),
            ("GET", "properties"): Operation(needs.READ_SERVICE, containers.service_properties),
        }
        self._info = Operation(needs.ACCOUNT_INFO, containers.account_info)
        self._container = {
            ("PUT", ""): Operation(needs.CREATE_CONTAINER, containers.create),
            ("GET", ""): Operation(needs.READ_CONTAINER, containers.show),
            ("GET", "metadata"): Operation(needs.READ_CONTAINER, containers.show),
            ("PUT", "metadata"): Operation(needs.WRITE_CONTAINER, containers.set_metadata),
            ("GET", "acl"): Operation(needs.READ_ACL, containers.show_acl),
            ("PUT", "acl"): Operation(needs.WRITE_ACL, containers.set_acl),
            ("PUT", "lease"): Operation(needs.LEASE_CONTAINER, containers.lease),
            ("DELETE", ""): Operation(needs.DELETE_CONTAINER, containers.delete),
            ("GET", "list"): Operation(needs.LIST_BLOBS, containers.list_blobs),
        }
        self._blob = {
            ("GET", ""): Operation(needs.READ_BLOB, reading.get),
            ("HEAD", ""): Operation(needs.READ_BLOB, reading.head),
            ("GET", "metadata"): Operation(needs.READ_BLOB, reading.metadata),
            ("HEAD", "metadata"): Operation(needs.READ_BLOB, reading.metadata),
            ("GET", "blocklist"): Operation(needs.READ_BLOB, reading.block_list),
            ("GET", "pagelist"): Operation(needs.READ_BLOB, reading.page_ranges),
            ("PUT", ""): Operation(needs.MAKE_BLOB, writing.put_blob),
            ("PUT", "block"): Operation(needs.MAKE_BLOB, writing.put_block),
            ("PUT", "blocklist"): Operation(needs.MAKE_BLOB, writing.put_block_list),
            ("PUT", "appendblock"): Operation(needs.APPEND_BLOB, writing.append),
            ("PUT", "page"): Operation(needs.WRITE_BLOB, writing.put_pages),
            ("PUT", "properties"): Operation(needs.WRITE_BLOB, changing.set_headers),
            ("PUT", "metadata"): Operation(needs.WRITE_BLOB, changing.set_metadata),
            ("PUT", "tier"): Operation(needs.WRITE_BLOB, changing.set_tier),
            ("PUT", "lease"): Operation(needs.LEASE_BLOB, changing.lease),
            ("PUT", "copy"): Operation(needs.WRITE_BLOB, changing.abort_copy),
            ("DELETE", ""): Operation(needs.DELETE_BLOB, changing.delete),
        }

    def find(self, asked: Asked, target: Target) -> Operation:
        """Raises Fault UnsupportedQueryParameter for what Azure has and this has not, UnsupportedHttpVerb for
        what nobody has.
        """
        kind, part = (asked.parameter("restype") or "").lower(), (asked.parameter("comp") or "").lower()
        for name in ("snapshot", "versionid"):
            if asked.parameter(name):
                raise Fault(
                    "UnsupportedQueryParameter", detail=f"There are no snapshots and versions ({name})."
                )
        for name in _REFUSED:
            if asked.header(name) is not None:
                raise Fault("UnsupportedHeader", name=name)
        if kind == "account" and part == "properties" and asked.method in _READS:
            return self._info
        if target.blob:
            found = self._for_blob(asked, part)
        elif kind == "container" and target.container:
            method = "GET" if asked.method == "HEAD" and part != "list" else asked.method
            found = self._container.get((method, part))
        elif not target.container and (kind == "service" or part == "list"):
            found = self._service.get((asked.method, part))
        else:
            found = None
        if found is not None:
            return found
        if part:
            detail = f"'comp={part[:40]}' is not offered with {asked.method} here."
            raise Fault("UnsupportedQueryParameter", detail=detail)
        raise Fault("UnsupportedHttpVerb")

    def _for_blob(self, asked: Asked, part: str) -> Operation | None:
        source = asked.header("x-ms-copy-source")
        if source is not None and asked.method == "PUT":
            if part:
                raise Fault(
                    "UnsupportedQueryParameter", detail="Blocks and pages are not copied from an address."
                )
            return self._copy
        return self._blob.get((asked.method, part))
