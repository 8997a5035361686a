"""A client of Resource Manager: tokens, requests, errors with their remedy, long-running operations."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec

from outofband.catalogue import entry
from outofband.client.credentials import Credentials
from outofband.client.faults import explained
from outofband.client.profile import Profile
from outofband.client.transport import (
    Trace,
    Transport,
    refused,
    retry_after,
    told,
    trusting,
    unexpected,
)
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.arm import errors, reasons

API_VERSION = "2024-11-01"
SERIAL_VERSION = "2024-07-01"
MAX_PAGES = 1000
POLL_LIMIT_SECONDS = 15 * 60
POLL_FIRST_SECONDS = 0.1
"""Most operations are over in less than the second that the server asks pollers to wait."""
POLL_MOST_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""How long an operation's poll goes on without an answer: a control plane restarts in less."""

Progress = Callable[[str, float], None]
"""Told after every poll: the operation's status and the seconds since it began."""


class ArmClient:
    """One control plane, one identity. Use as a context manager; methods raise Fault and nothing else."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        *,
        trace: Trace | None = None,
        hurried: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`hurried` gives up early: for shell completion, where waiting is worse than no answer. `tls` says
        whom to trust in place of the profile's file.
        """
        self.profile = profile
        self.reason = ""
        """Why things are changed, in words of a person: told with every change, for the activity log."""
        self._credentials = credentials
        self.tls = tls or trusting(profile.ca_file)
        self._transport = Transport(profile.arm, self.tls, trace=trace)
        if hurried:
            self._transport.hurry()
            credentials.hurry()

    def __enter__(self) -> ArmClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def correlate(self, correlation: str) -> None:
        """As `Transport.correlate`."""
        self._transport.correlate(correlation)

    def speak(self, locale: str) -> None:
        """Ask the server to say in this language what goes wrong."""
        self._transport.speak(locale)

    @property
    def subscription(self) -> str:
        """Id of the profile's subscription. Raises Fault NothingGranted when there is none to be seen."""
        return f"/subscriptions/{self._seen(self.profile.subscription_id)}"

    def group(self, name: str | None = None) -> str:
        """Id of a resource group, the profile's when `name` is None. Raises as `subscription`."""
        return f"{self.subscription}/resourceGroups/{self._seen(name or self.profile.resource_group)}"

    def vm(self, name: str, group: str | None = None) -> str:
        """Id of a VM; `SET/NUMBER` is an instance of a scale set."""
        scale_set, slash, number = name.partition("/")
        if slash:
            return f"{self.scale_set(scale_set, group)}/virtualMachines/{number}"
        return f"{self.group(group)}/providers/Microsoft.Compute/virtualMachines/{name}"

    def machine(self, name: str, group: str | None = None) -> str:
        """Id of a connected machine."""
        return f"{self.group(group)}/providers/Microsoft.HybridCompute/machines/{name}"

    def scale_set(self, name: str, group: str | None = None) -> str:
        return f"{self.group(group)}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"

    def get(self, path: str, *, version: str | None = API_VERSION, **query: str) -> Any:
        return self._json(self._send("GET", path, version=version, query=query))

    def text(self, path: str, **query: str) -> bytes:
        """The body of an answer that is no JSON document."""
        return self._send("GET", path, version=None, query=query).content

    def list(self, path: str, *, version: str | None = API_VERSION, **query: str) -> Iterator[Any]:
        """Every element of a collection, page after page."""
        page = self.get(path, version=version, **query)
        for _ in range(MAX_PAGES):
            yield from page.get("value", ())
            # Microsoft Graph has a name of its own for it.
            if not (following := page.get("nextLink") or page.get("@odata.nextLink")):
                return
            page = self._json(self._send("GET", following, version=None))

    def put(
        self, path: str, body: Any, *, version: str | None = API_VERSION, progress: Progress | None = None
    ) -> Any:
        return self._settle(self._send("PUT", path, body=body, version=version), progress)

    def patch(
        self,
        path: str,
        body: Any,
        *,
        version: str | None = API_VERSION,
        progress: Progress | None = None,
    ) -> Any:
        return self._settle(self._send("PATCH", path, body=body, version=version), progress)

    def delete(
        self, path: str, *, version: str | None = API_VERSION, progress: Progress | None = None
    ) -> Any:
        return self._settle(self._send("DELETE", path, version=version), progress)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        version: str | None = API_VERSION,
        progress: Progress | None = None,
        **query: str,
    ) -> Any:
        """Run an action to its end. Returns its body, or the body of its operation when it was a long one."""
        return self._settle(self._send("POST", path, body=body, version=version, query=query), progress)

    def _seen(self, name: str) -> str:
        if not name:
            raise Fault("NothingGranted", name=self.profile.who)
        return name

    def _send(
        self,
        method: str,
        path: str,
        *,
        version: str | None = API_VERSION,
        body: Any = None,
        query: dict[str, str] | None = None,
    ) -> httpx.Response:
        content = b"" if body is None else msgspec.json.encode(body)
        params = {**(query or {}), **({"api-version": version} if version else {})}
        # A refused token may be one from before the server's keys changed: one try with a new one.
        token = self._credentials.token(self._transport)
        for last in (False, True):
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            if self.reason and method != "GET":
                headers[reasons.HEADER] = reasons.encode(self.reason)
            answer = self._transport.request(
                method, path, params=params or None, content=content, headers=headers
            )
            if answer.status_code != httpx.codes.UNAUTHORIZED or last:
                break
            token = self._credentials.token(self._transport, refused=token)
        if not answer.is_success:
            raise refused(answer)
        return answer

    def _settle(self, answer: httpx.Response, progress: Progress | None) -> Any:
        """Follow an operation to its end, if the answer began one."""
        where = answer.headers.get("Azure-AsyncOperation")
        if where is None:
            return self._json(answer)
        began = heard = clock.monotonic()
        pause = POLL_FIRST_SECONDS
        while True:
            status = "no answer"
            try:
                polled = self._send("GET", where, version=None)
                heard = clock.monotonic()
                state = self._json(polled) or {}
                status = str(state.get("status"))
                asked = retry_after(polled)
            except Fault as fault:
                # The operation goes on without us, and survives a restart of the control plane.
                asked = POLL_MOST_SECONDS
                if not explained(fault).retry or clock.monotonic() - heard > PATIENCE_SECONDS:
                    raise
            elapsed = clock.monotonic() - began
            if progress:
                progress(status, elapsed)
            if status in ("Succeeded", "Failed", "Canceled"):
                break
            if elapsed > POLL_LIMIT_SECONDS:
                raise Fault("OperationSlow", seconds=POLL_LIMIT_SECONDS, status=status)
            clock.pause(min(pause, asked, POLL_MOST_SECONDS))
            pause *= 2
        if status != "Succeeded":
            error = errors.from_value(state.get("error")) or errors.RemoteError(code=status, message=status)
            raise told(error, answer, entry(error.code).status)
        return state

    @staticmethod
    def _json(answer: httpx.Response) -> Any:
        if not answer.content:
            return None
        try:
            return msgspec.json.decode(answer.content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unexpected(answer, answer.text[:200]) from error
