"""/account: the person's own page: the password, and where they are signed in."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from outofband.http.account import gate, pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import CHANGE, Purpose
from outofband.http.account.words import words
from outofband.identity.clients import public_client
from outofband.identity.history import Event
from outofband.identity.sessions import SignedIn
from outofband.store.sign_ins import MFA, SignInSession

HOME = "/account"
PASSWORD = "/account/password"  # noqa: S105 - an address
END, END_OTHERS, SIGN_OUT = "end", "end-others", "sign-out"
_DONE = frozenset({"changed", "ended", "others-ended"})
"""What the page may be told to say, in its address."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One place where the person is signed in."""

    id: str
    where: str
    agent: str
    address: str
    since: str
    until: str
    used: str
    proved: str
    here: bool


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what happened to the account."""

    at: str
    what: str
    address: str
    failed: bool


async def home(visit: Visit) -> Response:
    """GET and POST /account"""
    who = await gate.enter(visit, Purpose())
    if isinstance(who, Response):
        return who
    sessions = visit.authority.sessions
    match visit.step:
        case "":
            done = visit.request.query_params.get("done", "")
            return await _page(visit, who, done if done in _DONE else "")
        case "change":
            return pages.redirect(visit, f"{HOME}?done=changed")
        case "end":
            await sessions.end_one(who, visit.form.get("session", ""), visit.visitor, visit.now)
            return pages.redirect(visit, f"{HOME}?done=ended")
        case "end-others":
            await sessions.end_others(who, visit.visitor, visit.now)
            return pages.redirect(visit, f"{HOME}?done=others-ended")
        case "sign-out":
            await sessions.sign_out(who, visit.visitor, visit.now)
            visit.signed_out()
            return pages.page(visit, "out")
    return pages.redirect(visit, HOME)


async def password(visit: Visit) -> Response:
    """GET and POST /account/password"""
    who = await gate.enter(visit, Purpose(fresh=True))
    if isinstance(who, Response):
        return who
    if visit.step == CHANGE:
        return pages.redirect(visit, f"{HOME}?done=changed")
    return gate.change(visit, Purpose())


async def _page(visit: Visit, who: SignedIn, done: str) -> Response:
    listed = await visit.authority.sessions.listed(who, visit.now)
    rows = [_row(each, who) for each in listed]
    overview = await visit.authority.factors.overview(who.user)
    events = [_event(each) for each in await visit.authority.lately(who.user, visit.now)]
    return pages.page(
        visit,
        "account",
        user=who.user,
        rows=rows,
        overview=overview,
        events=events,
        done=done,
        ways=await visit.authority.external.ways(who.user),
    )


def _event(event: Event) -> Happened:
    what = words(f"account.did-{event.what}")
    if event.by:
        what = words("account.by", what=what, name=event.by)
    return Happened(at=pages.when(event.at), what=what, address=event.address, failed=event.failed)


def _row(session: SignInSession, who: SignedIn) -> Row:
    client = public_client(session.client_id) if session.client_id is not None else None
    return Row(
        id=session.id,
        where=client.name if client is not None else words("account.browser"),
        agent=session.agent,
        address=session.address,
        since=pages.when(session.started),
        until=pages.when(session.expires),
        used=pages.when(session.last_used) if session.last_used is not None else "",
        proved=", ".join(words(f"account.{each}") for each in session.methods.split() if each != MFA),
        here=session.id == who.session.id,
    )
