"""Enrols simulated agents: a token and a proof each, as a host does it, some of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec

import outofband
from outofband.agent import certificate
from outofband.agent.simulated.book import Book, Known, name_of, state_of
from outofband.agent.simulated.keys import host_key
from outofband.core.errors import Fault
from outofband.net.tls import client_context
from outofband.net.trust import fingerprints
from outofband.wire.arm import errors as arm_errors
from outofband.wire.enrolment import (
    ENROL_PATH,
    TRUST_PATH,
    EnrolAnswer,
    EnrolRequest,
    parse_token,
    proof_text,
)

AT_ONCE = 8
SECONDS = 30.0


async def enrol(
    book: Book,
    keys: list[str],
    *,
    folder: Path,
    trust: str,
    token: Callable[[str], str],
    told: Callable[[int], None] = lambda _: None,
) -> Book:
    """The book with every key enrolled. `token` (blocking) makes a token for the host of a name; `trust` are
    the authorities (PEM) its caller verifies the control plane with; `folder` is where certificates go;
    `told` hears how many are done.

    Raises Fault ControlPlaneUnreachable, ControlPlaneNotTrusted, UnexpectedAnswer, or what the server said.
    """
    agents = dict(book.agents)
    missing = [(number, key) for number, key in enumerate(keys, 1) if host_key(key).public not in agents]
    answers: list[EnrolAnswer] = []
    gate = asyncio.Semaphore(AT_ONCE)
    context = client_context(trust)
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(
        base_url=book.arm, verify=context, timeout=SECONDS, limits=limits, trust_env=False
    ) as client:
        if missing:
            await _expect_trust(client, trust)

        async def one(number: int, text: str) -> None:
            async with gate:
                key, name = host_key(text), name_of(number)
                made = await asyncio.to_thread(token, name)
                proof = key.sign(proof_text(parse_token(made).id, name, key.public))
                request = EnrolRequest(
                    token=made,
                    name=name,
                    public_key=key.public,
                    proof=proof,
                    version=outofband.__version__,
                )
                answer = await _ask(client, request)
                agents[key.public] = Known(answer.agent, answer.name)
                certificate.keep(state_of(folder, answer.name), answer.certificate, key.raw)
                answers.append(answer)
                told(len(answers))

        try:
            async with asyncio.TaskGroup() as group:
                for each in missing:
                    group.create_task(one(*each))
        except* Fault as faults:
            # The first says enough; those that were under way are done again next time, by the same key.
            raise _first(faults) from None
    if answers:
        last = answers[-1]
        book = msgspec.structs.replace(book, link=last.link, trust=last.trust)
    return msgspec.structs.replace(book, agents=agents)


async def _expect_trust(client: httpx.AsyncClient, trust: str) -> None:
    """That the control plane which answers has an authority of those its caller knows."""
    bundle = (await _send(client, "GET", TRUST_PATH)).decode("ascii", errors="replace")
    ours = fingerprints(trust)
    try:
        theirs = fingerprints(bundle)
    except ValueError:
        theirs = {}
    if not ours.keys() & theirs.keys():
        raise Fault(
            "ControlPlaneNotTrusted",
            url=str(client.base_url),
            seen=", ".join(theirs) or "none",
            expected=", ".join(ours),
        )


async def _ask(client: httpx.AsyncClient, request: EnrolRequest) -> EnrolAnswer:
    body = await _send(client, "POST", ENROL_PATH, msgspec.json.encode(request))
    try:
        return msgspec.json.decode(body, type=EnrolAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Fault("UnexpectedAnswer", url=ENROL_PATH, status=200, detail=str(error)) from error


async def _send(client: httpx.AsyncClient, method: str, path: str, body: bytes | None = None) -> bytes:
    headers = {"content-type": "application/json"} if body is not None else {}
    try:
        answer = await client.request(method, path, content=body, headers=headers)
    except httpx.HTTPError as error:
        detail = str(error) or type(error).__name__
        raise Fault("ControlPlaneUnreachable", url=str(client.base_url), detail=detail) from error
    if answer.status_code == 200:
        return answer.content
    told = arm_errors.read(answer.content)
    if told is None:
        raise Fault(
            "UnexpectedAnswer", url=path, status=answer.status_code, detail=answer.text[:200] or "nothing"
        )
    raise Fault(told.code, **told.fields)


def _first(group: BaseExceptionGroup[Fault]) -> Fault:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Fault)
    return found
