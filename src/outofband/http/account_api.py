"""The account's own door, in JSON: where somebody is signed in, with which factors, what the tenant requires.

What is one's own needs a token and no right. What is somebody else's takes
`Microsoft.Authorization/users/write` on the whole tenant, and so does what the tenant requires; to read that
takes any role. Setting a factor up needs the person at a browser, and is done on `/account`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal, PrincipalKind
from outofband.http import edge
from outofband.http.graph_door import READ, ROOT, WRITES
from outofband.http.services import Services
from outofband.identity.clients import public_client
from outofband.identity.sessions import SIGNED_OUT
from outofband.identity.trail import KIND, NAMESPACE, Act
from outofband.resources import exchange
from outofband.resources.trail import Trail
from outofband.store.factors import Factor
from outofband.store.people import User
from outofband.store.sign_in_policies import SignInPolicy
from outofband.store.sign_ins import SignInSession
from outofband.store.tx import Tx

MAX_BODY = 64 * 1024
MAX_REASON = 200
ENDED = "EndedByAdministrator"
_NO_STORE = {"Cache-Control": "no-store"}
_POLICY = ResourceId(namespace=NAMESPACE, chain=(("policies", "signIn"),))


class Client(msgspec.Struct, frozen=True):
    id: str
    name: str


class SessionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One place where a person is signed in. `client` is null for a browser, `current` is the caller's."""

    id: str
    client: Client | None
    address: str
    agent: str
    authenticated: str
    started: str
    last_used: str | None
    expires: str
    methods: list[str]
    current: bool


class SessionList(msgspec.Struct, frozen=True):
    value: list[SessionShape]


class FactorShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`kind` is `totp` or `passkey`; `host` is the name that a passkey is bound to."""

    id: str
    kind: str
    name: str
    host: str | None
    created: str
    last_used: str | None


class FactorList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    value: list[FactorShape]
    recovery_codes: int
    required: bool


class PolicyShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the tenant requires; `changed` and `changedBy` are null where nobody has set it."""

    require_mfa: bool
    changed: str | None
    changed_by: str | None


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    require_mfa: bool


class FactorReset(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`reason` is for the activity log, in the administrator's words."""

    reason: str = ""


class Ended(msgspec.Struct, frozen=True):
    """How many sign-ins were ended."""

    ended: int


_Work = Callable[[exchange.Request, bytes], Awaitable[Any]]


class AccountApi:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._trail = Trail(services.store)

    async def sessions(self, request: Request) -> Response:
        """GET /account/api/sessions"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            return await self._sessions(asked.principal, asked.principal.object_id)

        return await self._answer(request, work)

    async def end_session(self, request: Request) -> Response:
        """DELETE /account/api/sessions/{session}"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.write() as tx:
                user = await self._own(tx, asked.principal)
                await self._end(tx, asked, user, request.path_params["session"], SIGNED_OUT)

        return await self._answer(request, work)

    async def end_others(self, request: Request) -> Response:
        """POST /account/api/sessions/endOthers"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.write() as tx:
                user = await self._own(tx, asked.principal)
                keep = await self._current(tx, asked.principal)
                return await self._end_all(tx, asked, user, SIGNED_OUT, keep=keep)

        return await self._answer(request, work)

    async def revoke_own(self, request: Request) -> Response:
        """POST /v1.0/me/revokeSignInSessions: sign out everywhere, here too."""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.write() as tx:
                user = await self._own(tx, asked.principal)
                await self._end_all(tx, asked, user, SIGNED_OUT)
            return {"value": True}

        return await self._answer(request, work)

    async def factors(self, request: Request) -> Response:
        """GET /account/api/factors"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.read() as tx:
                user = await self._own(tx, asked.principal)
            return await self._factors(user)

        return await self._answer(request, work)

    async def policy(self, request: Request) -> Response:
        """GET /account/api/policy"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.read() as tx:
                rights = await self._services.authorizer.rights(asked.principal, tx)
                if not rights.assignments:
                    rights.require(READ, ROOT)
                return _policy(await self._store.sign_in_policies.get(tx, asked.principal.tenant))

        return await self._answer(request, work)

    async def set_policy(self, request: Request) -> Response:
        """PUT /account/api/policy"""

        async def work(asked: exchange.Request, body: bytes) -> Any:
            wanted, principal = edge.decoded(body, PolicyChange), asked.principal
            async with self._store.write() as tx:
                await self._require(principal, tx)
                now = clock.now()
                await self._store.sign_in_policies.set(
                    tx, principal.tenant, require_mfa=wanted.require_mfa, by=principal.name, now=now
                )
                await self._note(
                    tx, asked, _POLICY, Act.SET_POLICY, properties={"requireMfa": wanted.require_mfa}
                )
                return _policy(await self._store.sign_in_policies.get(tx, principal.tenant))

        return await self._answer(request, work, _POLICY, Act.SET_POLICY)

    # --- somebody else's

    async def sessions_of(self, request: Request) -> Response:
        """GET /account/api/users/{user}/sessions"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.read() as tx:
                user = await self._named(tx, asked.principal, request)
            return await self._sessions(asked.principal, user.object_id)

        return await self._answer(request, work)

    async def end_session_of(self, request: Request) -> Response:
        """DELETE /account/api/users/{user}/sessions/{session}"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.write() as tx:
                user = await self._named(tx, asked.principal, request)
                await self._end(tx, asked, user, request.path_params["session"], ENDED)

        return await self._answer(request, work)

    async def revoke_of(self, request: Request) -> Response:
        """POST /v1.0/users/{user}/revokeSignInSessions"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.write() as tx:
                user = await self._named(tx, asked.principal, request)
                await self._end_all(tx, asked, user, ENDED)
            return {"value": True}

        return await self._answer(request, work)

    async def factors_of(self, request: Request) -> Response:
        """GET /account/api/users/{user}/factors"""

        async def work(asked: exchange.Request, _: bytes) -> Any:
            async with self._store.read() as tx:
                user = await self._named(tx, asked.principal, request)
            return await self._factors(user)

        return await self._answer(request, work)

    async def clear_factors_of(self, request: Request) -> Response:
        """DELETE /account/api/users/{user}/factors, and POST .../resetFactors, which takes a reason.

        For who lost them. Ends the person's sign-ins.
        """

        async def work(asked: exchange.Request, body: bytes) -> Any:
            reason = _reason(edge.decoded(body or b"{}", FactorReset).reason)
            async with self._store.write() as tx:
                user = await self._named(tx, asked.principal, request)
                await self._services.authorizer.require_not_above(asked.principal, user.object_id, tx)
                cleared = await self._services.authority.factors.clear(tx, user)
                await self._store.sign_ins.end_user(tx, user.object_id, ENDED, clock.now())
                about = {"userPrincipalName": user.name, "removed": cleared, **reason}
                await self._note(tx, asked, _rid(user), Act.REMOVE_FACTOR, properties=about)

        return await self._answer(request, work)

    # --- parts

    async def _answer(
        self, request: Request, work: _Work, rid: ResourceId | None = None, act: Act | None = None
    ) -> Response:
        """200 with what `work` gives, 204 for None. A refused change of what has a `rid` is noted too."""

        async def answer(ids: edge.Ids) -> Response:
            authority = self._services.authority
            principal = await edge.caller_of(request, authority)
            body = await edge.body_of(request, MAX_BODY)
            asked = edge.asked(request, ids, principal, authority.base, body)
            try:
                found = await work(asked, body)
            except Fault as fault:
                if rid is not None and act is not None:
                    await self._trail.refused(asked, rid, act.action, fault)
                raise
            headers = {**ids.headers(), **_NO_STORE}
            if found is None:
                return Response(status_code=204, headers=headers)
            return edge.json_answer(200, msgspec.to_builtins(found), headers)

        return await edge.guarded(request, self._services.authority, answer)

    async def _require(self, principal: Principal, tx: Tx) -> None:
        await self._services.authorizer.require(principal, WRITES["users"], ROOT, tx)

    async def _named(self, tx: Tx, principal: Principal, request: Request) -> User:
        """Somebody of the caller's tenant, for who may manage people."""
        await self._require(principal, tx)
        return await self._services.directory.require(tx, principal.tenant, request.path_params["user"])

    async def _own(self, tx: Tx, principal: Principal) -> User:
        """The caller. Raises Fault UserNotFound for a program: it signs in anew each time."""
        user = None
        if principal.kind is PrincipalKind.USER:
            user = await self._store.people.get(tx, principal.object_id)
        if user is None:
            raise Fault("UserNotFound", name=principal.name)
        return user

    async def _current(self, tx: Tx, principal: Principal) -> str | None:
        """The session that the caller's own lives in, or is."""
        session = await self._store.sign_ins.get(tx, principal.session or "")
        if session is None:
            return None
        return session.parent_id or session.id

    async def _sessions(self, principal: Principal, object_id: str) -> SessionList:
        async with self._store.read() as tx:
            found = await self._store.sign_ins.of_user(tx, object_id, clock.now())
            current = await self._current(tx, principal)
        return SessionList([_session(each, current) for each in found])

    async def _factors(self, user: User) -> FactorList:
        found = await self._services.authority.factors.overview(user)
        return FactorList(
            value=[_factor(each) for each in found.factors],
            recovery_codes=found.codes,
            required=found.required,
        )

    async def _end(self, tx: Tx, asked: exchange.Request, user: User, session_id: str, reason: str) -> None:
        session = await self._store.sign_ins.get(tx, session_id)
        mine = session is not None and session.object_id == user.object_id
        if not mine or not await self._store.sign_ins.end(tx, session_id, reason, clock.now()):
            raise Fault("SessionNotFound", session=session_id[:80])
        await self._note(tx, asked, _rid(user), Act.END_SESSION, properties={"userPrincipalName": user.name})

    async def _end_all(
        self, tx: Tx, asked: exchange.Request, user: User, reason: str, keep: str | None = None
    ) -> Ended:
        ended = await self._store.sign_ins.end_user(tx, user.object_id, reason, clock.now(), keep=keep)
        about = {"userPrincipalName": user.name, "everywhere": True, "ended": ended}
        await self._note(tx, asked, _rid(user), Act.END_SESSION, properties=about)
        return Ended(ended)

    async def _note(
        self, tx: Tx, asked: exchange.Request, rid: ResourceId, act: Act, *, properties: dict[str, Any]
    ) -> None:
        await self._trail.request(
            tx, asked, rid, act.action, Trail.SUCCEEDED, now=clock.now(), properties=properties
        )


def _reason(text: str) -> dict[str, str]:
    """As it stands in a row. Raises Fault InvalidParameter."""
    said = text.strip()
    if len(said) > MAX_REASON or not said.isprintable():
        detail = f"it has at most {MAX_REASON} printable characters"
        raise Fault("InvalidParameter", target="reason", detail=detail)
    return {"reason": said} if said else {}


def _rid(user: User) -> ResourceId:
    return ResourceId(namespace=NAMESPACE, chain=((KIND, user.object_id),))


def _session(session: SignInSession, current: str | None) -> SessionShape:
    client = public_client(session.client_id) if session.client_id is not None else None
    return SessionShape(
        id=session.id,
        client=Client(client.id, client.name) if client is not None else None,
        address=session.address,
        agent=session.agent,
        authenticated=clock.iso(session.authenticated),
        started=clock.iso(session.started),
        last_used=clock.iso(session.last_used) if session.last_used is not None else None,
        expires=clock.iso(session.expires),
        methods=session.methods.split(),
        current=session.id == current,
    )


def _factor(factor: Factor) -> FactorShape:
    return FactorShape(
        id=factor.id,
        kind=factor.kind.value,
        name=factor.name,
        host=factor.host,
        created=clock.iso(factor.created),
        last_used=clock.iso(factor.last_used) if factor.last_used is not None else None,
    )


def _policy(policy: SignInPolicy) -> PolicyShape:
    return PolicyShape(
        require_mfa=policy.require_mfa,
        changed=clock.iso(policy.changed) if policy.changed is not None else None,
        changed_by=policy.changed_by,
    )
