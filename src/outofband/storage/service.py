"""Everything about blobs that one node has, as one value."""

from __future__ import annotations

from outofband.storage.accounts import Accounts
from outofband.storage.content import Content
from outofband.storage.objects import Objects
from outofband.storage.sweep import Sweep
from outofband.store.store import Store


class Storage:
    """`endpoint` is where the service is reached: an address in which `{account}` stands for the account's
    name, with a slash at the end.
    """

    def __init__(self, store: Store, objects: Objects, *, endpoint: str) -> None:
        self.endpoint = endpoint
        self.accounts = Accounts(store)
        self.content = Content(store, objects)
        self.sweep = Sweep(store, objects)

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
