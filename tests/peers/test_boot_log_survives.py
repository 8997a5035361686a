"""Whoever is killed while a log is uploaded: what is stored in the end is what was printed, byte for byte.

A program on a terminal prints numbered lines, so nothing of it depends on a hypervisor. Once with everything
embedded, once on PostgreSQL and Ceph's S3 gateway, which is killed as well. OOB_KILL_ROUNDS makes it longer.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from guests.build import Guest
from outofband.agent.config import config_path
from outofband.core.paths import StateDir
from outofband.net.tls import client_context
from tests.peers.guest import number_lines
from tests.peers.house import House, until
from tests.support import radosgw
from tests.support.postgres import Cluster, binaries
from tests.support.radosgw import RadosGateway

pytestmark = pytest.mark.exact

ROUNDS = int(os.environ.get("OOB_KILL_ROUNDS", "1"))
LINES = 5000 * ROUNDS
"""Of 80 bytes each, 400 a second: 400 KB, so that segments are sealed on the way."""
PROGRAM = """
import sys, time
letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
for number in range(1, int(sys.argv[1]) + 1):
    start = number % len(letters)
    print("line %08d %s" % (number, (letters * 3)[start : start + 66]))
    if number % 40 == 0:
        sys.stdout.flush()
        time.sleep(0.1)
sys.stdout.flush()
time.sleep(3600)
"""


class Place:
    """A house whose only VM counts, and the way to its log."""

    def __init__(self, house: House, gateway: RadosGateway | None) -> None:
        self.house, self.gateway = house, gateway
        program = house.root / "count.py"
        program.write_text(PROGRAM)
        house.up("--no-demo")
        config = config_path(StateDir(house.root))
        command = f'["{sys.executable}", "{program}", "{LINES}"]'
        config.write_text(f"{config.read_text()}\n[programs.counter]\ncommand = {command}\n")
        house.kill("agent")
        house.up("--no-demo")
        house.oob("vm", "create", "counter", "--driver", "pty", "--program", "counter")
        profile = house.profile()
        trust = client_context(Path(profile["caFile"]))
        self._client = httpx.Client(base_url=profile["arm"], verify=trust, timeout=60)
        form = {
            "grant_type": "client_credentials",
            "client_id": profile["clientId"],
            "client_secret": Path(profile["clientSecretFile"]).read_text().strip(),
            "scope": f"{profile['arm']}/.default",
        }
        token = self._client.post(f"/{profile['tenantId']}/oauth2/v2.0/token", data=form).json()
        group = f"/subscriptions/{profile['subscriptionId']}/resourceGroups/{profile['resourceGroup']}"
        answer = self._client.post(
            f"{group}/providers/Microsoft.Compute/virtualMachines/counter/retrieveBootDiagnosticsData",
            params={"api-version": "2024-07-01", "sasUriExpirationTimeInMinutes": "60"},
            headers={"Authorization": f"Bearer {token['access_token']}"},
        )
        assert answer.status_code == 200, answer.text
        self._url = answer.json()["serialConsoleLogBlobUri"]

    def stored(self) -> bytes:
        with contextlib.suppress(httpx.HTTPError):
            answer = self._client.get(self._url)
            if answer.status_code == 200:
                return answer.content
        return b""

    def more(self, count: int = 20_000) -> None:
        """So much more is stored, or all there is."""
        wanted = min(len(self.stored()) + count, len(number_lines(1, LINES)))
        until("the log grows in the store", lambda: len(self.stored()) >= wanted, 180)

    def close(self) -> None:
        self._client.close()
        self.house.close()


@pytest.fixture(params=["embedded", pytest.param("grown up", marks=pytest.mark.soak)])
def place(request: pytest.FixtureRequest, demo_guest: Guest, tmp_path: Path) -> Iterator[Place]:
    with contextlib.ExitStack() as ends:
        gateway = None
        house = House(demo_guest)
        ends.callback(house.close)
        if request.param == "grown up":
            programs = binaries()
            if lacking := radosgw.missing() or ([] if programs else ["postgresql"]):
                pytest.skip(f"not installed: {', '.join(lacking)}")
            assert programs is not None
            cluster = Cluster(programs)
            ends.callback(cluster.remove)
            cluster.start()
            ends.callback(cluster.stop)
            gateway = ends.enter_context(RadosGateway(tmp_path))
            secret = house.root / "s3-secret"
            secret.write_text(gateway.secret_key)
            secret.chmod(0o600)
            house.env |= {
                "OOB_STORE_URL": cluster.create(),
                "OOB_BLOB_STORE": f"{gateway.url}/outofband",
                "OOB_BLOB_STORE_KEY": gateway.access_key,
                "OOB_BLOB_STORE_SECRET_FILE": str(secret),
            }
        made = Place(house, gateway)
        ends.callback(made.close)
        yield made


def test_nothing_is_lost_whoever_is_killed(place: Place) -> None:
    house = place.house
    place.more()
    for _ in range(ROUNDS):
        house.kill("agent")
        house.up("--no-demo")
        place.more()
        house.kill("control")
        house.up("--no-demo")
        if place.gateway is not None:
            place.more()
            place.gateway.kill()
            place.gateway.start_again()
        place.more()
        house.kill("control")
        house.kill("agent")
        house.up("--no-demo")
        place.more()
    expected = number_lines(1, LINES)
    until("all is stored", lambda: len(place.stored()) >= len(expected), 240)
    assert place.stored() == expected
