"""The second factor on the way in: show one, or set one up; and a passkey instead of name and password."""

from __future__ import annotations

from markupsafe import Markup
from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account.visit import Visit
from outofband.http.account.way import (
    ADD_APP,
    ADD_PASSKEY,
    PASSKEY_ALONE,
    Purpose,
    form,
    sign_in,
)
from outofband.identity.second_step import Came
from outofband.store.factors import FactorKind

_ADDS = frozenset({ADD_APP, ADD_PASSKEY})
_BACK_TO_NAME = frozenset({"SignInOver", "ProofTooOld"})
"""After these there is no half sign-in that could go on."""


async def ask(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The page that asks for a second factor; or for setting one up, when there is none."""
    half = visit.half
    assert half is not None
    if not half.factors:
        return await enrol(visit, purpose, fault)
    hosts = {each.host for each in half.factors if each.host is not None}
    overview = await visit.authority.factors.overview(half.user)
    return form(
        visit,
        purpose,
        "factor",
        fault,
        user=half.user,
        app=any(each.kind is FactorKind.TOTP for each in half.factors),
        options=await visit.authority.second_step.asks_passkey(half, visit.at),
        elsewhere=sorted(hosts - {visit.at.host}),
        codes=overview.codes,
    )


async def enrol(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The page to set up a second factor: an app, or a passkey where the address has a name."""
    half, factors = visit.half, visit.authority.factors
    assert half is not None
    try:
        host = visit.base.partition("://")[2]
        offer = await factors.offer_app(half, visit.who, host, visit.now)
        options = await factors.asks_new_passkey(half, visit.who, visit.at, visit.now)
        overview = await factors.overview(half.user)
    except Fault as wrong:
        return await sign_in(visit, purpose, wrong)
    return form(
        visit,
        purpose,
        "enrol",
        fault,
        user=half.user,
        offer=offer,
        picture=Markup(offer.picture),  # noqa: S704 - made here, of numbers
        options=options,
        forced=half.step.session_id is None or overview.required,
        named=visit.form.get("name", "") if fault is not None else "",
    )


async def begin_passkey(visit: Visit, purpose: Purpose) -> Response:
    """The page that asks for a passkey instead of name and password."""
    try:
        options, secret = await visit.authority.second_step.begin_passkey(visit.at, visit.visitor, visit.now)
    except Fault as fault:
        return await sign_in(visit, purpose, fault)
    visit.went_half(None, secret)
    return form(visit, purpose, "passkey", None, options=options)


async def answer(visit: Visit, purpose: Purpose) -> Response | None:
    """Take what was shown or set up; the page that follows, None when the person may go on."""
    try:
        came = await _came(visit)
    except Fault as fault:
        return await _again(visit, purpose, fault)
    visit.signed_in(came.who, came.secret)
    if came.codes:
        return form(visit, purpose, "recovery", None, codes=came.codes, user=came.who.user)
    return None


async def _came(visit: Visit) -> Came:
    second, factors = visit.authority.second_step, visit.authority.factors
    visitor, now, there = visit.visitor, visit.now, visit.who
    given = visit.form.get("answer", "")
    if visit.step == PASSKEY_ALONE:
        return await second.enter_by_passkey(
            visit.half_secret, given, visit.at, visitor=visitor, now=now, replaces=there
        )
    half, code, name = visit.half, visit.form.get("otp", ""), visit.form.get("name", "")
    if half is None or half.step.session_id not in (None, there.session.id if there is not None else None):
        # What was begun in a session goes on in that one.
        raise Fault("SignInOver")
    match visit.step:
        case "factor-code":
            return await second.code(half, code, visitor=visitor, now=now, replaces=there)
        case "factor-recovery":
            return await second.recovery(half, code, visitor=visitor, now=now, replaces=there)
        case "add-app":
            return await factors.add_app(half, there, code, name, visitor=visitor, now=now, replaces=there)
        case "add-passkey":
            return await factors.add_passkey(
                half, there, given, name, visit.at, visitor=visitor, now=now, replaces=there
            )
    return await second.passkey(half, given, visit.at, visitor=visitor, now=now, replaces=there)


async def _again(visit: Visit, purpose: Purpose, fault: Fault) -> Response:
    """The same page, with what went wrong."""
    if visit.step == PASSKEY_ALONE or visit.half is None or fault.code in _BACK_TO_NAME:
        return await sign_in(visit, purpose, fault)
    return await (enrol if visit.step in _ADDS else ask)(visit, purpose, fault)
