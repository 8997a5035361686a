"""From the exception of an outgoing connection to what a person is told: cause, evidence, remedy, code.

The exception alone does not say enough: a resolver that refuses and one that is dead raise the same. So the
way is walked once more, from the name on, and the first step that fails is the diagnosis. When the way is
clear by then, what the exception says has to do.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator

import msgspec

from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.net.doctor.walk import Target, walk
from outofband.net.proxies import Choice, current
from outofband.wire.check import Endpoint, Evidence, Name, State, Step, failed, told


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoint` has every step that was taken; `step` is the one that explains the failure, in words."""

    step: Step
    endpoint: Endpoint

    @property
    def code(self) -> str:
        """Of azcmagent: `AZCM0026` for all that lies on the way."""
        return self.step.code

    @property
    def cause(self) -> str:
        """The catalogue's code."""
        return self.step.cause

    @property
    def evidence(self) -> Evidence:
        return self.step.evidence

    @property
    def fault(self) -> Fault:
        """To raise or to print: its message, cause and remedy are the catalogue's."""
        return Fault(
            self.step.cause,
            **{
                key: ", ".join(each) if isinstance(each, list) else each
                for key, each in self.evidence.items()
            },
        )


def diagnose(
    url: str,
    error: BaseException | None = None,
    *,
    trust: str | None = None,
    proxy: Choice | None = None,
    name: str = "",
    locale: str = DEFAULT,
) -> Diagnosis:
    """Why `url` (https, http, wss) could not be asked. Blocks for at most `walk.MOST_SECONDS`.

    `error` is what httpx, websockets or the socket raised; `trust` the authorities expected there, PEM (those
    of the system when None); `proxy` the one in effect (this process' when None); `name` what the address
    is called (`login`, `arm`, `link`). On an event loop it is `await explain(...)`.
    """
    return asyncio.run(explain(url, error, trust=trust, proxy=proxy, name=name, locale=locale))


async def explain(
    url: str,
    error: BaseException | None = None,
    *,
    trust: str | None = None,
    proxy: Choice | None = None,
    name: str = "",
    locale: str = DEFAULT,
) -> Diagnosis:
    """As `diagnose`, on an event loop."""
    chosen = proxy if proxy is not None else current(url)
    found = await walk(Target(name=name or "endpoint", url=url, trust=trust, proxy=chosen))
    step = found.broken or _by_exception(error, found)
    endpoint = msgspec.structs.replace(
        found, state=State.FAILED, steps=[told(each, locale) for each in found.steps]
    )
    return Diagnosis(step=told(step, locale), endpoint=endpoint)


def _by_exception(error: BaseException | None, found: Endpoint) -> Step:
    """The way is clear now: what the exception itself says."""
    host, port, via = found.host, found.port, found.via or ""
    seen: Evidence = {"host": host, "port": port, "proxy": via, "source": found.via_source or ""}
    seen["detail"] = next((text for each in _chain(error) if (text := str(each))), "no error was told")
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return failed(Name.TLS, "TlsIntercepted", {**seen, "issuer": "?", "expected": "?"})
        if isinstance(each, ssl.SSLError):
            return failed(Name.TLS, "TlsCut", seen)
        if isinstance(each, socket.gaierror):
            return failed(Name.DNS, "LookUpFailed", seen)
        if isinstance(each, ConnectionRefusedError):
            return failed(Name.TCP, "PortClosed", {**seen, "address": host})
        if isinstance(each, ConnectionError):
            return failed(Name.TCP, "ConnectionCut", {**seen, "address": host})
        if isinstance(each, OSError) and each.errno == errno.ENETUNREACH:
            return failed(Name.ROUTE, "NetworkUnreachable", {**seen, "address": host, "interfaces": "?"})
        if type(each).__name__ == "ProxyError":
            line = str(each)
            cause = "ProxyWantsPassword" if line.startswith("407") else "ProxyForbids"
            return failed(Name.PROXY, cause, {**seen, "line": line, "via": "-", "schemes": "?"})
        if isinstance(each, TimeoutError) or "Timeout" in type(each).__name__:
            return failed(Name.HTTP, "ServiceSilent", seen)
    return failed(Name.HTTP, "ServiceSilent", seen)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and those that led to it, outermost first."""
    for _ in range(20):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
