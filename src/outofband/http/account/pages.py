"""From a template to an answer: what every account page says about itself, and how it tells a failure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http.account import assets
from outofband.http.account.visit import Visit
from outofband.http.account.words import words
from outofband.identity.aadsts import AADSTS
from outofband.identity.authorize import Mode, Reply

_ENVIRONMENT = Environment(
    loader=PackageLoader("outofband.http.account"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"t": words, "asset": assets.address}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: under it browsers send forms with `Origin: null` (Fetch, section 3.2).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), clipboard-write=(self)",
}
_TICKS = re.compile("`([^`]+)`")
_WHEN = "%Y-%m-%d %H:%M UTC"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failure as a page shows it. `until` is a moment within `message`; a reader sees it in local time."""

    title: str
    message: str
    cause: str
    remedy: list[str]
    code: str
    status: int
    until: str = ""


def page(visit: Visit, template: str, *, status: int = 200, form_to: str = "", **values: Any) -> Response:
    """A rendered page. `form_to` is one more origin that its form may lead to, by a redirect."""
    text = _ENVIRONMENT.get_template(f"{template}.html").render(
        csrf=visit.token,
        host=visit.base.partition("://")[2],
        request_id=visit.ids.request,
        **{"problem": None, **values},
    )
    headers = {**_HEADERS, "Content-Security-Policy": _policy(form_to), "x-ms-request-id": visit.ids.request}
    return visit.finish(HTMLResponse(text, status_code=status, headers=headers))


def failed(visit: Visit, fault: Fault) -> Response:
    """A page of its own for a failure that no other page can show."""
    problem = problem_of(fault)
    posted = visit.request.method == "POST"
    response = page(visit, "problem", status=problem.status, problem=problem, posted=posted)
    return with_wait(response, fault)


def with_wait(response: Response, fault: Fault) -> Response:
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = str(max(1, int(fault.fields.get("seconds", 5))))
    return response


def problem_of(fault: Fault) -> Problem:
    until = fault.fields.get("until")
    if until:
        moment = when(clock.parse_iso(str(until)))
        fault = Fault(fault.code, **{**fault.fields, "until": moment})
    said = explain(fault)
    number = AADSTS.get(fault.code)
    return Problem(
        title=said.title,
        message=said.message,
        cause=said.cause,
        remedy=said.remedy,
        code=f"{said.code} (AADSTS{number})" if number is not None else said.code,
        # 401 would have to name an authentication scheme, and there is none for pages.
        status=403 if said.status == 401 else said.status,
        until=str(fault.fields["until"]) if until else "",
    )


def when(moment: datetime) -> str:
    """A moment for people; the script of the page puts it into their own time."""
    return moment.strftime(_WHEN)


def ticks(text: str) -> Markup:
    """Escaped, with what stands in backticks set as code."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


_ENVIRONMENT.filters["ticks"] = ticks


def redirect(visit: Visit, location: str) -> Response:
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return visit.finish(Response(status_code=303, headers=headers))


def reply(visit: Visit, answer: Reply) -> Response:
    """Send the browser back to the client with the answer."""
    if answer.mode is not Mode.FORM:
        return redirect(visit, answer.location)
    return page(visit, "reply", form_to=answer.origin, to=answer.to, parameters=answer.parameters)


def _policy(form_to: str) -> str:
    forms = f"'self' {form_to}".strip()
    return (
        f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action {forms}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
