"""The way to a page that is for somebody: sign in first, and change a password that somebody else chose.

The form of either page is posted to the address it was shown at, where what was asked for then goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import pages
from outofband.http.account.visit import Visit
from outofband.identity.sessions import SignedIn

SIGN_IN = "sign-in"
CHANGE = "change"
OTHER = "other"
"""Somebody else wants to sign in at this browser."""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody signs in for."""

    tenant: str = "organizations"
    client: str = ""
    """The program that asked; empty for a page of the authority itself."""
    hint: str = ""
    """The name that the program expects."""
    hidden: Mapping[str, str] = {}
    """Fields that go with every form on the way."""
    form_to: str = ""
    """Where the forms lead in the end, when it is another origin."""
    again: bool = False
    """Ask for the password although there is a session."""


async def enter(visit: Visit, purpose: Purpose) -> SignedIn | Response:
    """Who may go on, or the page that comes first."""
    if visit.step == SIGN_IN:
        try:
            who, secret = await visit.authority.sign_in.enter(
                visit.form.get("name", ""),
                visit.form.get("password", ""),
                tenant=purpose.tenant,
                visitor=visit.visitor,
                now=visit.now,
                replaces=visit.who,
            )
        except Fault as fault:
            return sign_in(visit, purpose, fault)
        visit.signed_in(who, secret)
    if visit.who is None or visit.step == OTHER or (purpose.again and not visit.step):
        return sign_in(visit, purpose)
    if visit.step == CHANGE:
        return await _change(visit, purpose, visit.who)
    return change(visit, purpose) if visit.who.user.must_change else visit.who


def sign_in(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The sign-in page, with what went wrong before."""
    name = visit.form.get("name", purpose.hint) if visit.step == SIGN_IN else purpose.hint
    return _form(visit, purpose, "sign_in", fault, name=name)


def change(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The page to choose a new password."""
    assert visit.who is not None
    return _form(visit, purpose, "change", fault, user=visit.who.user)


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


def _form(visit: Visit, purpose: Purpose, template: str, fault: Fault | None, **values: object) -> Response:
    problem = pages.problem_of(fault) if fault is not None else None
    response = pages.page(
        visit,
        template,
        status=problem.status if problem is not None else 200,
        form_to=purpose.form_to,
        client=purpose.client,
        hidden=purpose.hidden,
        problem=problem,
        **values,
    )
    return pages.with_wait(response, fault) if fault is not None else response
