"""To a provider of others and back: `GET /external/{provider}/callback`, and the page that leads there."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http import forms
from outofband.http.account import pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import Purpose, sign_in
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half
from outofband.store.external_sign_ins import Aim

CALLBACK = "/external/{provider}/callback"
_LOGIN = "login"
_DEVICE = "/device"


async def begin(visit: Visit, purpose: Purpose) -> Response:
    """Send the browser away: to sign in, or to prove who is signed in when that is asked for."""
    proves = visit.who is not None and purpose.fresh
    try:
        return await go(
            visit,
            purpose,
            Aim.PROVE if proves else Aim.SIGN_IN,
            back=here(visit, purpose),
        )
    except Fault as fault:
        if proves:
            raise
        return await sign_in(visit, purpose, fault)


async def go(visit: Visit, purpose: Purpose, aim: Aim, *, back: str) -> Response:
    """The page that leads to the provider that was chosen. Not a redirect: the answer to a form may lead only
    to origins that the page with the form had named (`form-action`), and those are not asked for before.

    Raises Fault as `External.begin`.
    """
    gone = await visit.authority.external.begin(
        visit.form.get("provider", ""),
        path=purpose.tenant,
        back=back,
        redirect=redirect_of(visit),
        secret=visit.external_secret,
        visitor=visit.visitor,
        now=visit.now,
        aim=aim,
        who=visit.who if aim is not Aim.SIGN_IN else None,
        mfa=purpose.mfa,
        anew=purpose.again,
        hint=purpose.hint,
    )
    visit.went_out(gone.secret)
    response = pages.page(visit, "external_go", address=gone.address, name=gone.name)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def callback(visit: Visit) -> Response:
    """GET /external/{provider}/callback: whatever is wrong becomes a page, and nobody is signed in."""
    came = await visit.authority.external.end(
        visit.request.path_params["provider"],
        forms.parse(visit.request.url.query),
        redirect=redirect_of(visit),
        secret=visit.external_secret,
        who=visit.who,
        visitor=visit.visitor,
        now=visit.now,
    )
    if isinstance(came.came, SignedIn):
        visit.signed_in(came.came, came.secret)
    elif isinstance(came.came, Half):
        if visit.who is not None and came.aim is Aim.SIGN_IN:
            # Somebody else is on the way in: the page that goes on must not take them for who was here.
            await visit.authority.sessions.sign_out(visit.who, visit.visitor, visit.now)
            visit.signed_out()
        visit.went_half(came.came, came.secret)
    path, _, query = came.address.partition("?")
    if path == _DEVICE:
        # The code goes on in a form: in an address others might send it to people.
        return pages.page(visit, "device", typed=dict(parse_qsl(query)).get("code", ""))
    return pages.redirect(visit, came.address)


def redirect_of(visit: Visit) -> str:
    """Where the provider answers, under the name that the browser came by: cookies belong to it."""
    return f"{visit.authority.known(visit.base)}{CALLBACK}"


def here(visit: Visit, purpose: Purpose) -> str:
    """This page, to go on afterwards. Who is asked to prove themselves does so there, and not here again."""
    url = visit.request.url
    pairs = parse_qsl(url.query, keep_blank_values=True)
    kept = []
    for name, value in pairs:
        words = " ".join(each for each in value.split() if each != _LOGIN) if name == "prompt" else value
        if name != "prompt" or words:
            kept.append((name, words))
    known = {name for name, _ in kept}
    kept += [(name, value) for name, value in purpose.hidden.items() if name not in known]
    return f"{url.path}?{urlencode(kept)}" if kept else url.path
