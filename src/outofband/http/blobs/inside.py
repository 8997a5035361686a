"""The node as a client of its own Blob service: the same door, without a network in between.

So no name, no certificate and no proxy can keep the node from the service, while the account's own rules do
as they do with everybody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from outofband.http.blobs.target import PREFIX
from outofband.storage.service import Answered

_LOOPBACK = "127.0.0.1"


class Inside:
    """`storage.service.Ask`. `base`: the address of this control plane."""

    def __init__(self, blobs: ASGIApp, base: str) -> None:
        self._blobs = blobs
        self._host = urlsplit(base).netloc
        self._address = _address(urlsplit(base).hostname or "")

    async def __call__(
        self,
        method: str,
        account: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Answered:
        """One request. The body of its answer is read and forgotten."""
        raw = f"/{PREFIX}/{account}{path}"
        given = {"host": self._host, "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": raw,
            "raw_path": raw.encode("ascii"),
            "root_path": "",
            "query_string": query.encode("ascii"),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": (self._address, 0),
            "server": None,
        }
        begun: dict[str, object] = {}

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)

        await self._blobs(scope, receive, send)
        pairs = begun["headers"]
        assert isinstance(pairs, list)
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        status = begun["status"]
        assert isinstance(status, int)
        return Answered(status=status, code=found.get("x-ms-error-code", ""), headers=found)


def _address(host: str) -> str:
    """The address that network rules of accounts see; one that is a name is this machine's own."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _LOOPBACK
