"""/account/external: accounts elsewhere that a person signs in with; linked, and undone."""

from __future__ import annotations

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import external as way_out
from outofband.http.account import gate, pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import Purpose
from outofband.identity.sessions import SignedIn
from outofband.store.external_sign_ins import Aim

EXTERNAL = "/account/external"
LINK, UNLINK = "link", "unlink"
_DONE = frozenset({"linked", "unlinked"})
_FRESH = Purpose(fresh=True)


async def external(visit: Visit) -> Response:
    """GET and POST /account/external"""
    who = await gate.enter(visit, _FRESH)
    if isinstance(who, Response):
        return who
    fault, form = None, visit.form
    try:
        match visit.step:
            case "link":
                return await way_out.go(visit, _FRESH, Aim.LINK, back=f"{EXTERNAL}?done=linked")
            case "unlink":
                own = visit.authority.external
                await own.unlink(
                    who,
                    form.get("provider", ""),
                    form.get("identity", ""),
                    visitor=visit.visitor,
                    now=visit.now,
                )
                return pages.redirect(visit, f"{EXTERNAL}?done=unlinked")
            case "":
                pass
            case _:
                return pages.redirect(visit, EXTERNAL)
    except Fault as wrong:
        fault = wrong
    return await _page(visit, who, fault)


async def _page(visit: Visit, who: SignedIn, fault: Fault | None) -> Response:
    done = visit.request.query_params.get("done", "")
    problem = pages.problem_of(fault) if fault is not None else None
    response = pages.page(
        visit,
        "external",
        status=problem.status if problem is not None else 200,
        problem=problem,
        user=who.user,
        ways=await visit.authority.external.ways(who.user),
        when=pages.when,
        done=done if done in _DONE and fault is None else "",
    )
    return pages.with_wait(response, fault) if fault is not None else response
