"""Step dns: what the system makes of a name, beside what each of its name servers says to the same question.

The system's resolver has one word for "there is no such name" and one for all the rest. So the servers of
resolv.conf are asked as well, over UDP, all at once: their codes tell the rest apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import secrets
import socket
from pathlib import Path

import msgspec

from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.net.lookup import look_up
from outofband.net.tasks import Tasks
from outofband.wire import dns, resolver
from outofband.wire.check import Because, Evidence, Name, Step, failed, ok, skipped

RESOLV_CONF = Path("/etc/resolv.conf")
HOSTS = Path("/etc/hosts")
MAX_FILE = 1024 * 1024
PORT = 53
SYSTEM_SECONDS = 6.0
"""For the system's own look-up: the C library gives a silent server five seconds before the next."""
SERVER_SECONDS = 4.0
SETTLED_SECONDS = 1.0
ATTEMPT_SECONDS = 2.0
"""A question is repeated once: a datagram may get lost."""
MAX_CANDIDATES = 3
_SILENCE = "silence"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    addresses: list[str] = []


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one question to one server: its code, or a word for why there is none."""

    server: str
    name: str
    kind: dns.Kind
    word: str
    addresses: list[str] = []


async def find(host: str, port: int) -> Names:
    """Addresses of `host`, or why there are none."""
    try:
        ipaddress.ip_address(host)
        return Names(step=skipped(Name.DNS, Because.LITERAL), addresses=[host])
    except ValueError:
        pass
    used = resolver.resolv_conf(_text(RESOLV_CONF))
    listed = resolver.hosts_entries(_text(HOSTS), host)
    tasks = Tasks()
    asking = tasks.spawn("doctor.names", _ask_all(host, used))
    try:
        addresses, trouble = await _system(host, port, asking)
        said = [] if addresses else await asking
    finally:
        # When the system found it there is no need to hear the servers out.
        await tasks.close()
    evidence: Evidence = {
        "host": host,
        "resolver": ", ".join(used.servers),
        "search": list(used.search),
        "hosts": listed,
    }
    if addresses:
        evidence["addresses"] = addresses
        evidence["from"] = "the hosts file" if listed else "the resolver"
        return Names(step=ok(Name.DNS, **evidence), addresses=addresses)
    evidence["answers"] = [f"{each.server} {each.name} {each.kind.name}: {each.word}" for each in said]
    evidence["detail"] = trouble
    cause, server = _cause(said, host)
    return Names(step=failed(Name.DNS, cause, {**evidence, "server": server or ", ".join(used.servers)}))


def _cause(said: list[_Said], host: str) -> tuple[str, str]:
    """The cause and the server that is behind it: the best that any of them said of the name as it is."""
    whole = [each for each in said if each.name == host.rstrip(".")] or said
    for word, cause in (
        ("NXDOMAIN", "HostNameUnknown"),
        ("NOERROR", "HostNameHasNoAddress"),
        ("SERVFAIL", "ResolverFailed"),
        ("REFUSED", "ResolverRefused"),
        ("closed", "ResolverUnreachable"),
        ("no route", "ResolverUnreachable"),
        (_SILENCE, "ResolverSilent"),
    ):
        found = next((each for each in whole if each.word == word), None)
        if found is not None and not any(each.addresses for each in whole):
            return cause, found.server
    return "LookUpFailed", ""


async def _ask_all(host: str, used: resolver.Resolver) -> list[_Said]:
    """Every server at the same time."""
    names = resolver.candidates(host, used)[:MAX_CANDIDATES]
    questions = [(name, kind) for name in names for kind in (dns.Kind.A, dns.Kind.AAAA)]
    found = await asyncio.gather(*(_ask(server, questions) for server in used.servers))
    return [each for said in found for each in said]


async def _system(host: str, port: int, asking: asyncio.Future[list[_Said]]) -> tuple[list[str], str]:
    """Addresses as any program gets them, and what was said where there are none.

    Once every server has said that it has nothing, the C library, which asks each of them again, is waited
    for a moment only: another source of names than DNS answers by then.
    """
    began = clock.monotonic()

    def heard(_: object) -> None:
        if not asking.cancelled() and not any(
            each.word == _SILENCE or each.addresses for each in asking.result()
        ):
            limit.reschedule(min(asyncio.get_running_loop().time() + SETTLED_SECONDS, limit.when() or 0.0))

    try:
        async with asyncio.timeout(SYSTEM_SECONDS) as limit:
            asking.add_done_callback(heard)
            try:
                return list(dict.fromkeys(await look_up(host, port))), ""
            finally:
                asking.remove_done_callback(heard)
    except TimeoutError:
        return [], f"the system had no answer within {clock.monotonic() - began:.1f} s"
    except (OSError, UnicodeError) as error:
        return [], str(error)


async def _ask(server: str, questions: list[tuple[str, dns.Kind]]) -> list[_Said]:
    """Put all questions to one server, over one socket: a refusal of the port is told to it only once."""
    answers: dict[int, dns.Answer] = {}
    asked: dict[int, bytes] = {}
    word = _SILENCE
    try:
        for ident, (name, kind) in enumerate(questions, secrets.randbelow(60000)):
            asked[ident] = dns.query(ident, name, kind)
        await _exchange(server, asked, answers)
    except TimeoutError:
        pass
    except ConnectionRefusedError:
        word = "closed"
    except OSError as error:
        unreachable = error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)
        word = "no route" if unreachable else str(error)
    except (ProtocolError, ValueError, UnicodeError) as error:
        word = str(error)
    found = [answers.get(ident) for ident in asked] + [None] * (len(questions) - len(asked))
    return [
        _Said(server=server, name=name, kind=kind, word=word)
        if answer is None
        else _Said(server=server, name=name, kind=kind, word=answer.word, addresses=answer.addresses)
        for (name, kind), answer in zip(questions, found, strict=True)
    ]


async def _exchange(server: str, asked: dict[int, bytes], answers: dict[int, dns.Answer]) -> None:
    """Fill `answers` by ident. Raises TimeoutError, OSError or ProtocolError when some are missing."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        asking.connect((server, PORT))
        async with asyncio.timeout(SERVER_SECONDS):
            while True:
                for ident, question in asked.items():
                    if ident not in answers:
                        await loop.sock_sendall(asking, question)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ATTEMPT_SECONDS):
                        while answers.keys() != asked.keys():
                            answer = dns.read(await loop.sock_recv(asking, dns.MAX_MESSAGE))
                            if answer.ident in asked:
                                answers[answer.ident] = answer
                        return


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8", errors="replace")
    except OSError:
        return ""
