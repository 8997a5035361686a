"""GET and POST /{tenant}/oauth2/v2.0/authorize: a program asks who is there, the person answers.

A page of ours (the portal) is answered from the browser's session. A program on somebody's machine never is:
whatever listens on a loopback port may claim to be it, so that the person has to say yes (RFC 8252 section
8.6).
"""

from __future__ import annotations

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http import forms
from outofband.http.account import gate, pages, way
from outofband.http.account.visit import Visit
from outofband.http.account.way import Purpose
from outofband.identity.authorize import AuthorizeRequest, Reply, origin
from outofband.identity.oauth import Refusals
from outofband.identity.sessions import SignedIn
from outofband.wire.claims import MFA

CONTINUE = "continue"
CANCEL = "cancel"
_ASKED = way.SAID_YES | {CONTINUE}
"""After these the person has said yes: each page on the way names the program."""


async def authorize(visit: Visit) -> Response:
    """Raises Fault for what must not be sent to anybody; see `Authorizations.read`."""
    refuse = Refusals(visit.now, visit.visitor.correlation_id)
    tenant = visit.request.path_params["tenant"]
    fields = forms.parse(visit.request.url.query)
    asked = await visit.authority.authorizations.read(fields, tenant, refuse)
    if isinstance(asked, Reply):
        return pages.reply(visit, asked)
    if visit.step == CANCEL:
        return pages.reply(visit, asked.refused(refuse.declined()))
    if asked.prompt.none:
        return await _silently(visit, asked, refuse)
    there = origin(asked.redirect_uri)
    purpose = Purpose(
        tenant=tenant,
        client=asked.client.name,
        hint=asked.hint,
        form_to="" if there == visit.base else there,
        again=asked.prompt.login,
        mfa=asked.mfa,
    )
    who = await gate.enter(visit, purpose)
    if isinstance(who, Response):
        return who
    if visit.step not in _ASKED and (asked.client.native or asked.prompt.select):
        return pages.page(
            visit,
            "confirm",
            form_to=purpose.form_to,
            client=asked.client.name,
            native=asked.client.native,
            user=who.user,
        )
    try:
        return await _granted(visit, asked, who)
    except Fault as fault:
        if fault.code != "WrongTenant":
            raise
        return await way.sign_in(visit, purpose, fault)


async def _silently(visit: Visit, asked: AuthorizeRequest, refuse: Refusals) -> Response:
    if visit.who is None:
        return pages.reply(visit, asked.refused(refuse.login_required()))
    if asked.client.native or visit.who.user.must_change:
        return pages.reply(visit, asked.refused(refuse.interaction_required()))
    lacks = asked.mfa and not visit.who.session.mfa
    if lacks or await visit.authority.second_step.required(visit.who):
        return pages.reply(visit, asked.refused(refuse.needs_mfa(MFA)))
    return await _granted(visit, asked, visit.who)


async def _granted(visit: Visit, asked: AuthorizeRequest, who: SignedIn) -> Response:
    return pages.reply(visit, await visit.authority.authorizations.grant(asked, who, visit.now))
