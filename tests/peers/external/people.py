"""Who takes part where people sign in through a provider of others: two servers, and a browser at both."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from outofband.core import clock
from outofband.identity.clients import PORTAL
from outofband.store.assignments import Assignment
from outofband.store.groups import GROUP, Group
from tests.support.browser import Browser, Pkce, answered
from tests.support.cloud import SCOPE, TENANT, VM_TYPE, Cloud, Person
from tests.support.oidc import CLIENT, SECRET, Elsewhere, OidcProvider, leads_to

PATH = "/directory/identityProviders"
AUTHORIZE = f"/{TENANT}/oauth2/v2.0/authorize"
VMS = f"{SCOPE}/{VM_TYPE}?api-version=2024-11-01"


class Town:
    """The control plane, the provider, and what registers the one at the other."""

    def __init__(self, cloud: Cloud, provider: OidcProvider) -> None:
        self.cloud, self.provider = cloud, provider
        self.admin: Person = cloud.admin  # type: ignore[attr-defined]
        self._clients: list[dict[str, Any]] = []

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.admin.ask(method, path, body, version=None)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def register(
        self, *, public: bool = False, at_provider: dict[str, Any] | None = None, **more: Any
    ) -> Any:
        """A provider of ours, with a client of its own there."""
        client = f"{CLIENT}-{uuid.uuid4().hex[:6]}"
        wanted = {
            "name": f"Corp {uuid.uuid4().hex[:8]}",
            "issuer": self.provider.issuer,
            "clientId": client,
            "ca": self.provider.trust,
            "scopes": ["openid", "profile", "email", "groups"],
            "createUsers": True,
            **({} if public else {"clientSecret": SECRET}),
            **more,
        }
        made = await self.call("POST", PATH, wanted, expect=201)
        there = self.provider.registered(made["redirectUris"], public=public, **(at_provider or {}))
        self._clients.append(there | {"client_id": client})
        self.provider.wish(clients=self._clients)
        return made

    async def group(self, name: str, role: str | None = None) -> Group:
        group = Group(
            object_id=str(uuid.uuid4()),
            tenant_id=TENANT,
            name=name,
            mail_nickname=name,
            description=None,
            created=clock.now(),
        )
        async with self.cloud.store.write() as tx:
            await self.cloud.store.groups.add(tx, group)
            if role is not None:
                assignment = Assignment(
                    tenant_id=TENANT,
                    name=str(uuid.uuid4()),
                    scope=SCOPE,
                    role_id=role,
                    principal_id=group.object_id,
                    principal_type=GROUP,
                    created=clock.now(),
                    created_by="test",
                )
                await self.cloud.store.assignments.add(tx, assignment)
        return group

    async def acts(self, code: str = "") -> list[dict[str, Any]]:
        """Properties of the newest sign-in rows that ended with `code`."""
        async with self.cloud.store.read() as tx:
            found = (await self.cloud.store.activity.page(tx)).items
        return [
            each.properties for each in found if (each.sub_status or "") == code and "/users/" in each.action
        ]


class Somebody:
    """One browser, at both ends."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.browser = Browser(town.cloud.base, town.cloud.client_context())
        self.elsewhere = Elsewhere(town.provider)
        self.pkce = Pkce()

    async def __aenter__(self) -> Somebody:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.browser.http.aclose()
        await self.elsewhere.close()

    @property
    def portal(self) -> str:
        return f"{self.town.cloud.base}/portal/"

    async def leave(self, provider: Any, *, tenant: str = TENANT, **more: str) -> str:
        """From the portal's request to the provider's address."""
        scope = f"{self.town.cloud.base}/.default openid profile offline_access"
        query = self.pkce.request(PORTAL.id, self.portal, scope, **more)
        await self.browser.go(f"/{tenant}/oauth2/v2.0/authorize", **query)
        return await self.press(provider)

    async def press(self, provider: Any) -> str:
        shown = await self.pressed(provider)
        assert shown.status_code == 200, shown.text
        return leads_to(shown.text)

    async def pressed(self, provider: Any) -> httpx.Response:
        page = self.browser.page
        assert page is not None
        [(address, form)] = [each for each in page.forms if each[1].get("provider") == provider["id"]]
        headers = {"Origin": self.browser.base, "Sec-Fetch-Site": "same-origin"}
        answer = await self.browser.http.post(address, data=form, headers=headers)
        return self.browser._show(answer)

    async def come(self, provider: Any, login: str, **more: str) -> httpx.Response:
        """The whole way; the answer to the callback."""
        address = await self.leave(provider, **more)
        return await self.browser.go(await self.elsewhere.sign_in(address, login))

    async def token(self, back: httpx.Response) -> str:
        """After the callback: on to the portal, and its code for a token."""
        assert back.status_code == 303, back.text
        code = answered(await self.browser.go(back.headers["location"]))["code"]
        form = self.pkce.redemption(PORTAL.id, self.portal, code)
        given = await self.town.cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
        assert given.status_code == 200, given.text
        return str(given.json()["access_token"])

    async def sees(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await self.town.cloud.http.get(VMS, headers=headers)).status_code


def login() -> str:
    return f"ada{uuid.uuid4().hex[:8]}"


def refused(answer: httpx.Response, code: str) -> None:
    assert code in answer.text, answer.text
    assert answer.status_code >= 400
    assert "set-cookie" not in answer.headers or "__Host-oob-session" not in answer.headers["set-cookie"]
