"""GET and POST /{tenant}/oauth2/v2.0/logout (OpenID Connect RP-Initiated Logout 1.0).

An id token of ours proves that the program which has it speaks for the person. Without one the person is
asked: any page on the web can lead a browser here. So is whoever it does not speak for.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from outofband.http import forms
from outofband.http.account import pages
from outofband.http.account.visit import Visit
from outofband.identity.authorize import MAX_STATE
from outofband.identity.clients import public_client

SIGN_OUT = "sign-out"


async def logout(visit: Visit) -> Response:
    fields = forms.parse(visit.request.url.query)
    sessions, who, proved = visit.authority.sessions, visit.who, False
    hint = await visit.authority.tokens.hint(fields.get("id_token_hint", ""), visit.now)
    client = public_client(hint.aud if hint is not None else fields.get("client_id", ""))
    if hint is not None:
        await sessions.end_hinted(hint, visit.visitor, visit.now)
        # A page's own part may have ended before; who leaves it leaves the browser's session all the same.
        if client is not None and not client.native:
            proved = who is not None and hint.oid == who.user.object_id
    if who is not None:
        # Also after a hint about somebody else, who is signed out now: this person is not.
        if not proved and visit.step != SIGN_OUT:
            return pages.page(visit, "ask_out", user=who.user)
        await sessions.sign_out(who, visit.visitor, visit.now)
        visit.signed_out()
    back = fields.get("post_logout_redirect_uri", "")
    if client is not None and visit.authority.authorizations.may_return(back, client):
        state = fields.get("state", "")[:MAX_STATE]
        return pages.redirect(visit, f"{back}?{urlencode({'state': state})}" if state else back)
    return pages.page(visit, "out")
