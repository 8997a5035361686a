"""Our control plane as an authority: one process on SQLite, TLS, forty programs with a secret each."""

from __future__ import annotations

import shutil
from itertools import cycle
from urllib.parse import urlencode, urlsplit

import msgspec

from bench.api.control import Control, _copy_caller, _token
from bench.api.line import Line, request
from outofband.client.profile import local_profile
from outofband.client.transport import Transport, trusting
from outofband.net.tls import client_context


class Given(msgspec.Struct):
    """The answer to who asked for a token."""

    access_token: str

    @property
    def counts(self) -> int:
        """1 for a signed token of the usual length, so that anything else shows."""
        return int(self.access_token.count(".") == 2 and len(self.access_token) > 500)


class Authority(Control):
    stated = "TLS 1.3, SQLite; RS256 with a key of 2048 bits, secret looked up and compared for every token"

    def prepare(self) -> None:
        """A store with its first program."""
        self._start(self._first)
        self.stop()

    def start(self, machines: int = 0) -> None:
        shutil.rmtree(self._state.root, ignore_errors=True)
        shutil.copytree(self._first.root, self._state.root, ignore=shutil.ignore_patterns("run", "log"))
        programs = _copy_caller(self._state.control / "control.db", local_profile(self._first).client_id)
        self._start(self._state)
        profile = local_profile(self._state)
        self._tls = client_context(profile.ca_file)
        common = {"Host": urlsplit(profile.arm).netloc, "Connection": "keep-alive"}
        self._path = f"/subscriptions/{profile.subscription_id}?api-version=2022-12-01"
        with Transport(profile.arm, trusting(profile.ca_file)) as transport:
            tokens = [_token(transport, profile, each) for each in programs]
        self._checks = cycle(
            [request("GET", self._path, common | {"Authorization": f"Bearer {each}"}) for each in tokens]
        )
        form = common | {"Content-Type": "application/x-www-form-urlencoded"}
        where = f"/{profile.tenant_id}/oauth2/v2.0/token"
        asked = {
            "grant_type": "client_credentials",
            "client_secret": profile.secret(),
            "scope": f"{profile.arm}/.default",
        }
        self._asks = cycle(
            [request("POST", where, form, urlencode(asked | {"client_id": each})) for each in programs]
        )

    async def one(self, line: Line, number: int) -> int:
        """A token for one of the programs."""
        return msgspec.json.decode(await line.ask(next(self._asks)), type=Given).counts

    async def all(self, line: Line) -> int:
        """A request of one of them, with its token, for the subscription."""
        return int(b'"subscriptionId"' in await line.ask(next(self._checks)))
