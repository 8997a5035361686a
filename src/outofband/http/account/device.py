"""GET and POST /device: type the code that another device shows, see who asks, allow it or not."""

from __future__ import annotations

from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.account import gate, pages
from outofband.http.account.visit import Visit
from outofband.http.account.way import Purpose

DEVICE = "/device"
ALLOW, REFUSE = "allow", "refuse"


async def device(visit: Visit) -> Response:
    typed = visit.form.get("code", "")
    if not typed:
        return pages.page(visit, "device", typed="")
    devices = visit.authority.devices
    try:
        # Before anybody signs in for nothing.
        waiting = await devices.find(typed, visit.visitor, visit.now)
        who = await gate.enter(visit, Purpose(client=waiting.client.name, hidden={"code": typed}))
        if isinstance(who, Response):
            return who
        if visit.step not in (ALLOW, REFUSE):
            return pages.page(
                visit, "device_confirm", waiting=waiting, user=who.user, typed=typed, when=pages.when
            )
        allow = visit.step == ALLOW
        await devices.decide(typed, who, allow=allow, visitor=visit.visitor, now=visit.now)
    except Fault as fault:
        problem = pages.problem_of(fault)
        response = pages.page(visit, "device", status=problem.status, problem=problem, typed=typed)
        return pages.with_wait(response, fault)
    return pages.page(visit, "device_done", allowed=allow, client=waiting.client.name, user=who.user)
