"""/account/factors: what a person has beside the password; set up, named, removed, and new recovery codes."""

from __future__ import annotations

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import factor_pages, gate, pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import ADD_APP, ADD_PASSKEY, CODES_SEEN, Purpose
from outofband.identity.sessions import SignedIn

FACTORS = "/account/factors"
ADD = "/account/factors/add"
RENAME, REMOVE, NEW_CODES = "rename", "remove", "new-codes"
_DONE = frozenset({"added", "renamed", "removed"})
_FRESH = Purpose(fresh=True)


async def factors(visit: Visit) -> Response:
    """GET and POST /account/factors"""
    who = await gate.enter(visit, _FRESH)
    if isinstance(who, Response):
        return who
    own, fault, form = visit.authority.factors, None, visit.form
    try:
        match visit.step:
            case "rename":
                name = form.get("name", "")
                await own.rename(who, form.get("factor", ""), name, visitor=visit.visitor, now=visit.now)
                return pages.redirect(visit, f"{FACTORS}?done=renamed")
            case "remove":
                await own.remove(who, form.get("factor", ""), visitor=visit.visitor, now=visit.now)
                return pages.redirect(visit, f"{FACTORS}?done=removed")
            case "new-codes":
                codes = await own.new_codes(who, visitor=visit.visitor, now=visit.now)
                return pages.page(visit, "recovery", codes=codes, user=who.user, client="", hidden={})
            case "":
                pass
            case _:
                return pages.redirect(visit, FACTORS)
    except Fault as wrong:
        fault = wrong
    return await _page(visit, who, fault)


async def add(visit: Visit) -> Response:
    """GET and POST /account/factors/add"""
    who = await gate.enter(visit, _FRESH)
    if isinstance(who, Response):
        return who
    if visit.step in (ADD_APP, ADD_PASSKEY, CODES_SEEN):
        return pages.redirect(visit, f"{FACTORS}?done=added")
    half, secret = await visit.authority.second_step.begin(who, visit.now)
    visit.went_half(half, secret)
    return await factor_pages.enrol(visit, Purpose())


async def _page(visit: Visit, who: SignedIn, fault: Fault | None) -> Response:
    overview = await visit.authority.factors.overview(who.user)
    done = visit.request.query_params.get("done", "")
    problem = pages.problem_of(fault) if fault is not None else None
    return pages.page(
        visit,
        "factors",
        status=problem.status if problem is not None else 200,
        problem=problem,
        user=who.user,
        overview=overview,
        when=pages.when,
        done=done if done in _DONE and fault is None else "",
    )
