"""Speaks to the Blob service as its clients do: with a key, a signature, a token, or nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from outofband.core import clock
from outofband.wire.storage import shared_key
from outofband.wire.storage.asked import Asked, written_date
from tests.support.cloud import GROUP_ID, Cloud, Person

VERSION = "2021-12-02"
ARM_VERSION = "2023-05-01"


def account_id(name: str) -> str:
    return f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{name}"


class BlobClient:
    """One account. Paths begin behind its address: `box/name`."""

    def __init__(self, cloud: Cloud, name: str, key: str) -> None:
        self.cloud, self.name, self.key = cloud, name, key
        self.base = f"/blob/{name}"

    @classmethod
    async def create(cls, cloud: Cloud, name: str, **properties: Any) -> BlobClient:
        body = {"sku": {"name": "Standard_LRS"}, "location": "local", "properties": properties}
        made = await cloud.owner.ask("PUT", account_id(name), body, version=ARM_VERSION)
        assert made.status_code == 200, made.text
        listed = await cloud.owner.ask("POST", f"{account_id(name)}/listKeys", version=ARM_VERSION)
        return cls(cloud, name, listed.json()["keys"][0]["value"])

    async def change(self, **properties: Any) -> httpx.Response:
        body = {"properties": properties}
        return await self.cloud.owner.ask("PATCH", account_id(self.name), body, version=ARM_VERSION)

    async def ask(
        self,
        method: str,
        path: str,
        content: Any = b"",
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
    ) -> httpx.Response:
        """Signed with the account's key."""
        given = {"x-ms-version": VERSION, "x-ms-date": written_date(clock.now()), **(headers or {})}
        where = urlsplit(f"{self.base}/{path}")
        request = self.cloud.http.build_request(method, where.geturl(), content=content, headers=given)
        if not {"content-length", "transfer-encoding"} & set(request.headers):
            request.headers["content-length"] = "0"
        asked = Asked(
            method=method,
            path=where.path,
            query=tuple(parse_qsl(where.query, keep_blank_values=True)),
            headers=dict(request.headers),
        )
        claim = shared_key.Claim(lite=False, account=self.name, signature="")
        account_key = base64.b64decode(key or self.key)
        signature = shared_key.signature(next(shared_key.texts(asked, claim)), account_key)
        request.headers["authorization"] = f"SharedKey {self.name}:{signature}"
        return await self.cloud.http.send(request)

    async def as_person(self, person: Person, method: str, path: str, **more: Any) -> httpx.Response:
        """With a token for the Blob service."""
        form = {
            "grant_type": "client_credentials",
            "client_id": person.app_id,
            "client_secret": person.secret,
            "scope": "https://storage.azure.com/.default",
        }
        answer = await self.cloud.http.post(f"/{person.tenant}/oauth2/v2.0/token", data=form)
        token = answer.json()["access_token"]
        headers = {"x-ms-version": VERSION, "Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return await self.cloud.http.request(method, f"{self.base}/{path}", headers=headers, **more)

    async def plain(self, method: str, path: str, **more: Any) -> httpx.Response:
        """As anyone, or as an address with a signature says."""
        return await self.cloud.http.request(method, f"{self.base}/{path}", **more)

    async def box(self, name: str, **headers: str) -> None:
        answer = await self.ask("PUT", f"{name}?restype=container", headers=headers)
        assert answer.status_code == 201, answer.text

    async def put(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        given = {"x-ms-blob-type": "BlockBlob", **headers}
        return await self.ask("PUT", quote(path), content, given)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers.get("x-ms-error-code", "")
