"""`oob serve` as a process of its own, and a client that signs in to it as the local principal."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from outofband.core.paths import StateDir
from outofband.net import process, tls
from outofband.wire.enrolment import EnrolAnswer, EnrolRequest
from tests.support.ports import lasting_ports

VERSION = {"api-version": "2024-11-01"}
START_SECONDS = 90.0


class Serve:
    """Started on ports of its own, or on `ports` (API and consoles); it keeps them over restarts."""

    def __init__(self, root: Path, *, ports: tuple[int, int] | None = None, **environment: str) -> None:
        self.state = StateDir(root)
        self.log = root / "serve.log"
        self._environment = {**os.environ, "OOB_STATE": str(root), "OOB_LOG": "json", **environment}
        arm, console = ports or lasting_ports(2)
        self._ports = ("--port", str(arm), "--console-port", str(console))
        self._process: subprocess.Popen[bytes] | None = None
        self._api: Api | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        code = "import sys; from outofband.cli.main import main; main(sys.argv[1:])"
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, "serve", *self._ports],
                env=self._environment,
                stdout=sink,
                stderr=sink,
            )
        deadline = time.monotonic() + START_SECONDS
        while (found := process.running(self.run_file)) is None or not found.ready:
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.ports = found.ports

    @property
    def run_file(self) -> Path:
        return self.state.run / "control.json"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Send a signal and wait; the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(seconds)
        self._sign_out()
        return code

    def close(self) -> None:
        self._sign_out()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def profile(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.state.profile.read_bytes())
        return found

    def context(self) -> ssl.SSLContext:
        return tls.client_context(self.state.trust)

    @property
    def api(self) -> Api:
        """Signed in to the process that runs now."""
        if self._api is None:
            self._api = Api(self.profile(), self.context())
        return self._api

    def _sign_out(self) -> None:
        if self._api is not None:
            self._api.http.close()
            self._api = None


class Api:
    """Resource Manager, signed in with the profile's secret."""

    def __init__(self, profile: dict[str, str], context: ssl.SSLContext) -> None:
        self.profile = profile
        self.http = httpx.Client(base_url=profile["arm"], verify=context, timeout=90.0, trust_env=False)
        form = {
            "grant_type": "client_credentials",
            "client_id": profile["clientId"],
            "client_secret": Path(profile["clientSecretFile"]).read_text().strip(),
            "scope": profile["arm"] + "/.default",
        }
        answer = self.http.post(f"/{profile['tenantId']}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = "Bearer " + answer.json()["access_token"]
        self.subscription = f"/subscriptions/{profile['subscriptionId']}"
        self.group = f"{self.subscription}/resourceGroups/{profile['resourceGroup']}"

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: str) -> Any:
        answer = self.http.request(method, path, json=body, params=VERSION | query)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def enrol(self, key: Any, name: str) -> EnrolAnswer:
        """Enrol a host by the doors a real one takes."""
        import msgspec

        wanted = {
            "subscription": self.profile["subscriptionId"],
            "resourceGroup": self.profile["resourceGroup"],
        }
        token = self.call("POST", "/fleet/tokens", wanted)["token"]
        request: EnrolRequest = key.enrolment(token, name)
        answer = self.http.post("/fleet/enroll", content=msgspec.json.encode(request))
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=EnrolAnswer)
