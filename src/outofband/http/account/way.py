"""What somebody is on the way to, and the forms that lead there: their steps, and a page with one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import pages
from outofband.http.account.visit import Visit

SIGN_IN = "sign-in"
CHANGE = "change"
PROVE = "prove"
"""The password once more, of who is signed in."""
OTHER = "other"
"""Somebody else wants to sign in at this browser."""
EXTERNAL = "external"
"""Sign in through a provider, which the field `provider` names; or, who is signed in, prove it there."""
BY_PASSKEY, PASSKEY_ALONE = "by-passkey", "passkey-alone"
"""A passkey instead of a password: asked for, and answered."""
CODE, RECOVERY, PASSKEY = "factor-code", "factor-recovery", "factor-passkey"
ADD_APP, ADD_PASSKEY = "add-app", "add-passkey"
CODES_SEEN = "codes-seen"
FACTOR_STEPS = frozenset({CODE, RECOVERY, PASSKEY, ADD_APP, ADD_PASSKEY})
SAID_YES = frozenset({SIGN_IN, CHANGE, PROVE, PASSKEY_ALONE, CODES_SEEN, *FACTOR_STEPS})
"""After these the person has said yes: each page on the way names the program."""


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
    mfa: bool = False
    """Ask for a second factor whatever the tenant requires."""
    fresh: bool = False
    """Who it is has to have been proved a moment ago."""


def form(visit: Visit, purpose: Purpose, template: str, fault: Fault | None, **values: object) -> Response:
    """A page with a form on the way, with what went wrong before."""
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


async def sign_in(visit: Visit, purpose: Purpose, fault: Fault | None = None) -> Response:
    """The sign-in page, with what went wrong before."""
    name = visit.form.get("name", purpose.hint) if visit.step == SIGN_IN else purpose.hint
    providers = await visit.authority.external.offered(purpose.tenant)
    return form(
        visit,
        purpose,
        "sign_in",
        fault,
        name=name,
        passkeys=visit.at.host is not None,
        providers=providers,
    )
