"""Everything about blobs that one node has, as one value."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

import msgspec

from outofband.storage.accounts import Accounts
from outofband.storage.content import Content
from outofband.storage.objects import Objects
from outofband.storage.sweep import Sweep
from outofband.store.store import Store


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the Blob service said. `code` is the one in its header, empty where all is well."""

    status: int
    code: str
    headers: Mapping[str, str]


class Ask(Protocol):
    """The Blob service as its clients meet it, with every one of its checks. `query` is quoted already."""

    def __call__(
        self,
        method: str,
        account: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Awaitable[Answered]: ...


class Storage:
    """`endpoint` is where the service is reached: an address in which `{account}` stands for the account's
    name, with a slash at the end.
    """

    def __init__(self, store: Store, objects: Objects, *, endpoint: str) -> None:
        self.endpoint = endpoint
        self.accounts = Accounts(store)
        self.content = Content(store, objects)
        self.sweep = Sweep(store, objects)
        self.ask: Ask | None = None
        """How this node uses the service as a client of it; the edge sets it, which is made later."""

    def blob_endpoint(self, account: str) -> str:
        return self.endpoint.replace("{account}", account)

    @property
    def suffix(self) -> str:
        """`core.oob.example:8443` of `https://{account}.blob.core.oob.example:8443/`: what clients put behind
        `ACCOUNT.blob.` when they are told an account's name alone. Empty when its name is in the path.
        """
        _, found, rest = self.endpoint.partition("{account}.blob.")
        return rest.rstrip("/") if found else ""

    async def close(self) -> None:
        await self.content.close()
