"""The way to a page that is for somebody: sign in first, with all that is asked for, and change a password
that somebody else chose.

The form of each page is posted to the address it was shown at, where what was asked for then goes on.
"""

from __future__ import annotations

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import external, factor_pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import (
    BY_PASSKEY,
    CHANGE,
    EXTERNAL,
    FACTOR_STEPS,
    OTHER,
    PASSKEY_ALONE,
    PROVE,
    SIGN_IN,
    Purpose,
    form,
    sign_in,
)
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half


async def enter(visit: Visit, purpose: Purpose) -> SignedIn | Response:
    """Who may go on, or the page that comes first."""
    step = visit.step
    if step == SIGN_IN:
        answer = await _password(visit, purpose)
    elif step == PROVE and visit.who is not None:
        answer = await _again(visit, purpose, visit.who)
    elif step == EXTERNAL:
        answer = await external.begin(visit, purpose)
    elif step == BY_PASSKEY:
        answer = await factor_pages.begin_passkey(visit, purpose)
    elif step == PASSKEY_ALONE or step in FACTOR_STEPS:
        answer = await factor_pages.answer(visit, purpose)
    else:
        answer = None
        if step == OTHER:
            visit.half_is_over()
    if answer is not None:
        return answer
    # Whoever asks for a new proof gets one that is new, whatever form was posted in between.
    again = purpose.again and (not step or (visit.who is not None and not visit.who.fresh(visit.now)))
    if visit.who is None or step == OTHER or again:
        if visit.half is not None and visit.half.step.session_id is None and not again:
            return await factor_pages.ask(visit, purpose)
        return await sign_in(visit, purpose)
    return await _onward(visit, purpose, visit.who)


async def _onward(visit: Visit, purpose: Purpose, who: SignedIn) -> SignedIn | Response:
    """What a session still lacks for the purpose."""
    factors = visit.authority.factors
    if purpose.fresh and await factors.stale(who, visit.now):
        step = visit.half.step if visit.half is not None else None
        if step is not None and step.session_id == who.session.id and step.methods:
            # A provider said who it is, and the second factor is still to come.
            return await factor_pages.ask(visit, purpose)
        return await prove(visit, purpose)
    wants = purpose.mfa and not who.session.mfa
    if wants or await visit.authority.second_step.required(who):
        half, secret = await visit.authority.second_step.begin(who, visit.now)
        if not half.factors and not who.fresh(visit.now):
            # To set one up is a change of what protects the account.
            return await prove(visit, purpose)
        visit.went_half(half, secret)
        return await factor_pages.ask(visit, purpose)
    if visit.step == CHANGE:
        if not who.user.must_change and await factors.stale(who, visit.now):
            # The form of `/account/password` may be posted to any address; the old password is half a proof.
            return await prove(visit, purpose)
        return await _change(visit, purpose, who)
    return change(visit, purpose) if who.user.must_change else who


async def _password(visit: Visit, purpose: Purpose) -> Response | None:
    try:
        came, secret = await visit.authority.sign_in.enter(
            visit.form.get("name", ""),
            visit.form.get("password", ""),
            tenant=purpose.tenant,
            visitor=visit.visitor,
            now=visit.now,
            replaces=visit.who,
            mfa=purpose.mfa,
        )
    except Fault as fault:
        return await sign_in(visit, purpose, fault)
    return await _came(visit, purpose, came, secret)


async def _again(visit: Visit, purpose: Purpose, who: SignedIn) -> Response | None:
    try:
        came, secret = await visit.authority.sign_in.again(
            who, visit.form.get("password", ""), visitor=visit.visitor, now=visit.now
        )
    except Fault as fault:
        return await prove(visit, purpose, fault)
    return await _came(visit, purpose, came, secret)


async def _came(visit: Visit, purpose: Purpose, came: SignedIn | Half, secret: str) -> Response | None:
    if isinstance(came, Half):
        visit.went_half(came, secret)
        return await factor_pages.ask(visit, purpose)
    visit.signed_in(came, secret)
    return None


async def prove(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The page that asks who is signed in for the password once more, or for the provider's word."""
    assert visit.who is not None
    providers = await visit.authority.external.linked(visit.who.user)
    return form(visit, purpose, "prove", fault, user=visit.who.user, providers=providers)


def change(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The page to choose a new password."""
    assert visit.who is not None
    return form(visit, purpose, "change", fault, user=visit.who.user)


async def _change(visit: Visit, purpose: Purpose, who: SignedIn) -> SignedIn | Response:
    try:
        visit.who = await visit.authority.sign_in.change_password(
            who,
            visit.form.get("current", ""),
            visit.form.get("new", ""),
            visit.form.get("again", ""),
            visitor=visit.visitor,
            now=visit.now,
        )
    except Fault as fault:
        return change(visit, purpose, fault)
    return visit.who
