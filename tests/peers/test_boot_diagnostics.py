"""A real guest looked at without its console: what it printed last, and its screen."""

from __future__ import annotations

import base64
import struct
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.net.tls import client_context
from tests.peers.house import House, until


class Looker:
    """The local client, calling the API itself."""

    def __init__(self, house: House) -> None:
        profile = house.profile()
        self._client = httpx.Client(
            base_url=profile["arm"], verify=client_context(Path(profile["caFile"])), timeout=60
        )
        form = {
            "grant_type": "client_credentials",
            "client_id": profile["clientId"],
            "client_secret": (house.root / "client" / "secret").read_text().strip(),
            "scope": f"{profile['arm']}/.default",
        }
        token = self._client.post(f"/{profile['tenantId']}/oauth2/v2.0/token", data=form).json()
        self._client.headers["Authorization"] = f"Bearer {token['access_token']}"
        group = f"/subscriptions/{profile['subscriptionId']}/resourceGroups/{profile['resourceGroup']}"
        vm = f"{group}/providers/Microsoft.Compute/virtualMachines/demo"
        self._port = f"{vm}/providers/Microsoft.SerialConsole/serialPorts/0"

    def ask(self, what: str, body: Any = None) -> httpx.Response:
        return self._client.post(f"{self._port}/{what}", params={"api-version": "2018-05-01"}, json=body)

    def lines(self, count: int) -> list[str]:
        answer = self.ask("tail", {"lines": count})
        assert answer.status_code == 200, answer.text
        return [line["text"] for line in answer.json()["lines"]]

    def prompt(self) -> bool:
        """Whether the login prompt was printed; the kernel may talk on behind it, on its line too."""
        return any(line.startswith("demo login:") for line in self.lines(20))

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def looker(house: House) -> Iterator[Looker]:
    made = Looker(house)
    yield made
    made.close()


def test_what_a_guest_printed_last_and_its_screen(house: House, looker: Looker) -> None:
    until("the login prompt", looker.prompt)
    shown = looker.lines(200)
    assert any("Linux version" in line for line in shown) or len(shown) == 200
    assert not {unicodedata.category(each) for line in shown for each in line} & {"Cc", "Cf"}

    answer = looker.ask("screenshot")
    assert answer.status_code == 200, answer.text
    shot = answer.json()
    picture = base64.b64decode(shot["data"])
    assert (shot["contentType"], picture[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) >= (640, 400)

    house.oob("vm", "stop", "demo", "--force")
    assert looker.prompt()
    refused = looker.ask("screenshot")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "VmNotRunning")
