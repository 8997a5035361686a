"""What the tenant requires of a sign-in, before it is required: `GET /account/api/policy/preview`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.http.account_api import AccountApi
from outofband.resources import exchange

MAX_NAMED = 100
"""Of those who have no second factor; how many there are is told in any case."""


class LackingShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    user_principal_name: str
    display_name: str


class PolicyPreview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of those who may sign in: how many, how many `without` a second factor (`value` names the first 100),
    and how many `sessions` go on that proved one thing only.
    """

    people: int
    without: int
    sessions: int
    value: list[LackingShape]


class PolicyApi(AccountApi):
    async def preview(self, request: Request) -> Response:
        """GET /account/api/policy/preview"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.read() as tx:
                await self._require(asked.principal, tx)
                found = await self._store.sign_in_policies.reach(
                    tx, asked.principal.tenant, clock.now(), limit=MAX_NAMED
                )
            named = [
                LackingShape(id=each.object_id, user_principal_name=each.name, display_name=each.display_name)
                for each in found.lacking
            ]
            return PolicyPreview(
                people=found.people, without=found.without, sessions=found.sessions, value=named
            )

        return await self._answer(request, work)
