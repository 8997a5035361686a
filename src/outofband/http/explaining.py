"""`POST /catalogue/explain`: what a code, an error's text or a guest's lines mean, for whoever is signed in.

    {"text": "..."}  ->  {"value": [{"code", "how", "title", "message", "cause", "remedy", ...}]}

in the language of Accept-Language. It reads nothing but the text it is given, which is neither kept nor
logged: people paste what they have in front of them.
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.core import locale
from outofband.http import edge
from outofband.http.services import Services
from outofband.wire.explained import Explanation, of_text

PATH = "/catalogue/explain"
MAX_BODY = 256 * 1024


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str


class Explanations(msgspec.Struct, frozen=True, kw_only=True):
    value: list[Explanation]
    """Likeliest first; empty when nothing is recognised."""


class ExplainDoor:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def explain(self, request: Request) -> Response:
        async def answer(ids: edge.Ids) -> Response:
            await edge.caller_of(request, self._services.authority)
            wanted = edge.decoded(await edge.body_of(request, MAX_BODY), ExplainRequest)
            language = locale.of_header(ids.languages)
            found = await asyncio.to_thread(of_text, wanted.text, language)
            headers = {
                **ids.headers(),
                "Cache-Control": "no-store",
                "Content-Language": language,
                "Vary": "Accept-Language",
            }
            return edge.json_answer(200, Explanations(value=found), headers)

        return await edge.guarded(request, self._services.authority, answer)
