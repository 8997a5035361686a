"""Requests to one control plane: over TLS that is verified against pinned authorities, failures as faults."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from outofband.catalogue import Explained, entry
from outofband.client.faults import RemoteFault
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.proxies import proxy_for
from outofband.net.tls import client_context
from outofband.wire.arm import errors
from outofband.wire.arm.errors import RemoteError

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
HURRIED = httpx.Timeout(1.5)
_MAX_DETAIL = 200
T = TypeVar("T")

Trace = Callable[[str], None]
"""Told of every exchange, in one line without secrets."""


class Transport:
    """Use as a context manager. `base` is `https://host:port`; `tls` says whom to trust there."""

    def __init__(self, base: str, tls: ssl.SSLContext, *, trace: Trace | None = None) -> None:
        self.base = base
        self.tls = tls
        self._trace = trace
        self._http = httpx.Client(
            base_url=base, verify=tls, timeout=TIMEOUT, trust_env=False, proxy=proxy_for(base)
        )

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def again(self) -> Transport:
        """Another one to the same place, for an exchange that has to outlive this one."""
        return Transport(self.base, self.tls, trace=self._trace)

    def speak(self, locale: str) -> None:
        """Ask for refusals in this language."""
        self._http.headers["Accept-Language"] = locale

    def correlate(self, correlation: str) -> None:
        """Send this id with everything from now on: the control plane's records have it too."""
        self._http.headers["x-ms-correlation-request-id"] = correlation
        self._http.headers["client-request-id"] = correlation

    def hurry(self) -> None:
        """Give up early from now on: where waiting is worse than no answer."""
        self._http.timeout = HURRIED

    def fetch(self, path: str, limit: int) -> str:
        """A small text from somebody who need not be trusted yet. Raises as `request`, and Fault
        UnexpectedAnswer for anything but 200 within `limit` bytes.
        """
        held = bytearray()
        try:
            with self._http.stream("GET", path) as answer:
                for piece in answer.iter_bytes():
                    held += piece
                    if len(held) > limit or not answer.is_success:
                        raise unexpected(answer, "it is not what was asked for")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(self.base, error) from error
        return held.decode("ascii", errors="replace")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any answer, a refusal included. Raises Fault ControlPlaneUnreachable or CertificateNotTrusted."""
        began = clock.monotonic()
        try:
            answer = self._http.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(self.base, error) from error
        if self._trace:
            took = (clock.monotonic() - began) * 1000
            request_id = answer.headers.get("x-ms-request-id", "-")
            self._trace(f"{method} {answer.url}: {answer.status_code} in {took:.0f} ms, request {request_id}")
        return answer


def trusting(file: Path) -> ssl.SSLContext:
    """TLS that trusts the authorities of a PEM file. Raises Fault ProfileInvalid when it has none."""
    try:
        return client_context(file)
    except OSError as error:
        # ssl.SSLError is one too: the file is there and holds no certificate.
        detail = f"its certificates {file}: {error.strerror or error}"
        raise Fault("ProfileInvalid", path=str(file), detail=detail) from error


def refused(answer: httpx.Response) -> Fault:
    """The fault that an answer without success tells of."""
    return told(errors.read(answer.content), answer, answer.status_code)


def told(error: RemoteError | None, answer: httpx.Response, status: int) -> Fault:
    """The fault an error envelope tells of; an answer without one becomes UnexpectedAnswer."""
    if error is None:
        detail = answer.content[:_MAX_DETAIL].decode(errors="replace") or answer.reason_phrase
        return Fault("UnexpectedAnswer", url=str(answer.url), status=status, detail=detail)
    known = entry(error.code)
    return RemoteFault(
        Explained(
            code=error.code,
            title=error.title or known.title,
            message=error.message,
            cause=error.cause,
            remedy=error.remedy,
            status=status,
            exit=known.exit,
            retry=error.retryable,
            action=error.action,
        ),
        answer.headers.get("x-ms-request-id", ""),
        **error.fields,
    )


def decoded(answer: httpx.Response, kind: type[T]) -> T:
    """The body of an answer as `kind`. Raises Fault UnexpectedAnswer."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unexpected(answer, str(error)) from error


def retry_after(answer: httpx.Response) -> float:
    """Seconds the server asks to wait; a date, which HTTP allows as well, counts as one second."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def unexpected(answer: httpx.Response, detail: str) -> Fault:
    return Fault("UnexpectedAnswer", url=str(answer.url), status=answer.status_code, detail=detail)


def unreachable(url: str, error: BaseException, code: str = "ControlPlaneUnreachable") -> Fault:
    """Name what a failed connection means: an untrusted certificate is another matter than no answer."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Fault("CertificateNotTrusted", url=url, detail=cause.verify_message)
        cause = cause.__cause__ or cause.__context__
    return Fault(code, url=url, detail=str(error) or type(error).__name__)
