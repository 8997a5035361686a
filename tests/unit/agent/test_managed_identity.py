"""A host's own identity, from its enrolment to a program on it that lists machines: a whole control plane on
a port, the agent's own code, and plain HTTP as a program speaks it.
"""

from __future__ import annotations

import asyncio
import os
import stat
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.agent import enroll
from outofband.agent.managed.endpoint import IdentityEndpoint
from outofband.agent.managed.keyfiles import MAX_FILES, KeyFiles
from outofband.agent.managed.tokens import HostTokens
from outofband.agent.state import HostKey, Identity, Trust, key_path
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.store.assignments import Assignment
from outofband.wire.managed_identity import APP_PATH, ARC_PATH
from tests.support.cloud import SCOPE, TENANT, VM_TYPE, Cloud
from tests.support.ports import lasting_ports

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


class Machine:
    """An enrolled host with its endpoint open."""

    def __init__(self, cloud: Cloud, folder: Path, identity: Identity) -> None:
        self.cloud, self.identity = cloud, identity
        self.state = StateDir(folder)
        self.files = KeyFiles(folder / "tokens")
        self.folder = folder / "tokens"
        self.tokens = HostTokens(Trust(self.state, identity), HostKey.load(key_path(self.state)))
        [self.port] = lasting_ports(1)
        self.secret_file = folder / "agent" / "identity-header"
        self.endpoint = IdentityEndpoint(
            self.tokens, self.files, port=self.port, secret_file=self.secret_file
        )

    async def get(self, path: str = ARC_PATH, /, **headers: str) -> httpx.Response:
        query = {"api-version": "2020-06-01", "resource": f"{self.cloud.base}/"}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return await http.get(
                f"http://localhost:{self.port}{path}",
                params=query,
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )

    async def dance(self) -> httpx.Response:
        """As MSAL does it."""
        challenged = await self.get(metadata="true")
        assert challenged.status_code == 401, challenged.text
        scheme, _, path = challenged.headers["www-authenticate"].partition("=")
        assert scheme == "Basic realm"
        secret = Path(path).read_text()
        return await self.get(metadata="true", authorization=f"Basic {secret}")

    async def give(self, role: str, scope: str = SCOPE) -> None:
        async with self.cloud.store.write() as tx:
            await self.cloud.store.assignments.add(
                tx,
                Assignment(
                    tenant_id=TENANT,
                    name=str(uuid.uuid4()),
                    scope=scope,
                    role_id=role,
                    principal_id=self.identity.agent,
                    principal_type="ServicePrincipal",
                    created=clock.now(),
                    created_by="test",
                ),
            )

    async def list_machines(self, token: str) -> httpx.Response:
        return await self.cloud.http.get(
            f"{SCOPE}/{VM_TYPE}",
            headers={"Authorization": f"Bearer {token}"},
            params={"api-version": "2024-11-01"},
        )


@pytest.fixture
async def machine(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Machine]:
    state, token = StateDir(tmp_path), await cloud.token()
    name = f"h{uuid.uuid4().hex[:8]}"
    identity = await asyncio.to_thread(enroll.enrol, state, server=cloud.base, token=token, name=name)
    made = Machine(cloud, tmp_path, identity)
    await made.endpoint.open()
    yield made
    await made.endpoint.close()


async def test_a_program_gets_a_token_and_uses_it(cloud: Cloud, machine: Machine) -> None:
    given = await machine.dance()
    assert given.status_code == 200, given.text
    body: dict[str, Any] = given.json()
    assert body["client_id"] == machine.identity.agent
    assert 3500 < int(body["expires_in"]) < 3600
    principal = await cloud.authority.verify_token(body["access_token"], clock.now())
    assert (principal.object_id, principal.name) == (machine.identity.agent, machine.identity.name)
    assert (await machine.list_machines(body["access_token"])).status_code == 403
    await machine.give(roles.READER)
    assert (await machine.list_machines(body["access_token"])).status_code == 200
    assert machine.tokens.skew is not None and abs(machine.tokens.skew) < 5
    # The machine resource says who it is.
    shown = await cloud.owner.get(
        f"{SCOPE}/resourceGroups/lab/providers/Microsoft.HybridCompute/machines/{machine.identity.name}"
    )
    assert shown.json()["identity"]["principalId"] == principal.object_id


async def test_the_app_service_form(machine: Machine) -> None:
    assert stat.S_IMODE(machine.secret_file.stat().st_mode) == 0o600
    secret = machine.secret_file.read_text()
    given = await machine.get(APP_PATH, x_identity_header=secret)
    assert given.status_code == 200, given.text
    assert (await machine.get(APP_PATH, x_identity_header="x" + secret)).status_code == 403


async def test_a_key_file_is_private_and_good_once(machine: Machine) -> None:
    assert stat.S_IMODE(machine.folder.stat().st_mode) == 0o700
    challenged = await machine.get(metadata="true")
    path = Path(challenged.headers["www-authenticate"].partition("=")[2])
    assert path.parent == machine.folder and path.suffix == ".key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text()
    assert (await machine.get(metadata="true", authorization=f"Basic {secret}")).status_code == 200
    assert not path.exists()
    again = await machine.get(metadata="true", authorization=f"Basic {secret}")
    assert (again.status_code, again.json()["error"]) == (403, "unauthorized_client")
    assert (await machine.get(metadata="true", authorization="Basic guess")).status_code == 403
    assert (await machine.get()).status_code == 400


async def test_challenges_do_not_pile_up(machine: Machine) -> None:
    for _ in range(MAX_FILES + 5):
        machine.files.make()
    assert len(list(machine.folder.iterdir())) == MAX_FILES
    machine.files.close()
    assert not list(machine.folder.iterdir())


async def test_what_cannot_be_asked_for(machine: Machine) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        challenged = await machine.get(metadata="true")
        secret = Path(challenged.headers["www-authenticate"].partition("=")[2]).read_text()
        answer = await http.get(
            f"http://127.0.0.1:{machine.port}{ARC_PATH}",
            params={"api-version": "2020-06-01", "resource": "https://other.example"},
            headers={"Metadata": "true", "Authorization": f"Basic {secret}"},
        )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_resource")
    assert answer.json()["error_description"].startswith("AADSTS500011: ")


async def test_a_token_is_asked_for_once_while_it_lasts(machine: Machine) -> None:
    first, second = (await machine.dance()).json(), (await machine.dance()).json()
    assert first["access_token"] == second["access_token"]


async def test_it_ends_with_the_agent(cloud: Cloud, machine: Machine) -> None:
    token = (await machine.dance()).json()["access_token"]
    await machine.give(roles.READER)
    assert (await machine.list_machines(token)).status_code == 200
    await cloud.fleet.revoke(machine.identity.agent)
    assert (await machine.list_machines(token)).status_code == 401
    machine.tokens._kept.clear()
    refused = await machine.dance()
    assert refused.status_code == 400
    assert refused.json()["error_description"].startswith("AADSTS700027: ")
    await cloud.fleet.remove(machine.identity.agent)
    async with cloud.store.read() as tx:
        assert await cloud.store.principals.get(tx, machine.identity.agent) is None
        assert await cloud.store.assignments.of_caller(tx, machine.identity.agent) == []
    refused = await machine.dance()
    assert refused.json()["error_description"].startswith("AADSTS50059: ")


async def test_it_ends_with_the_certificate(cloud: Cloud, machine: Machine) -> None:
    async def change(**said: Any) -> None:
        async with cloud.store.write() as tx:
            await cloud.store.agents.update(tx, machine.identity.agent, **said)
        machine.tokens._kept.clear()

    await change(renews=False, certificate_expires=clock.now())
    assert (await machine.dance()).status_code == 200, "an older agent has none that could end"
    for untrusted in ({"renews": True}, {"renews": False, "awaiting": True}):
        await change(**untrusted)
        refused = await machine.dance()
        assert refused.status_code == 400, untrusted
        assert refused.json()["error_description"].startswith("AADSTS700027: ")


async def test_nobody_else_can_be_the_machine(cloud: Cloud, machine: Machine, tmp_path: Path) -> None:
    """Another host's key, and a secret, which a machine's identity never has."""
    stranger = HostTokens(Trust(machine.state, machine.identity), HostKey.make())
    machine.endpoint.tokens = stranger
    refused = await machine.dance()
    assert refused.json()["error_description"].startswith("AADSTS700027: ")
    form = {
        "grant_type": "client_credentials",
        "client_id": machine.identity.agent,
        "client_secret": "secret",
        "scope": f"{cloud.base}/.default",
    }
    answer = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert answer.json()["error_codes"] == [7000215]
    with pytest.raises(Fault):
        async with cloud.store.write() as tx:
            await cloud.store.principals.add_secret(tx, machine.identity.agent, label="x", now=clock.now())


async def test_a_control_plane_that_is_away(cloud: Cloud, machine: Machine) -> None:
    [nobody] = lasting_ports(1)
    machine.tokens._trust.identity = Identity(
        agent=machine.identity.agent,
        name="h",
        arm=f"https://127.0.0.1:{nobody}",
        link="",
        trust=machine.identity.trust,
        token="",
        enrolled="",
    )
    answer = await machine.dance()
    assert (answer.status_code, answer.json()["error"]) == (503, "ControlPlaneUnreachable")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("what", ["link", "file", "open", "group"])
def test_a_folder_that_is_not_safe(tmp_path: Path, what: str) -> None:
    folder, group = tmp_path / "tokens", ""
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    elif what == "file":
        folder.write_text("")
    elif what == "group":
        group = "no-such-group-here"
    else:
        # Somebody else's, when there is somebody else: only root can make that.
        if os.geteuid() != 0:
            pytest.skip("needs root")
        folder.mkdir()
        os.chown(folder, 65534, 65534)
    with pytest.raises(Fault, match="TokenFolderUnsafe"):
        KeyFiles(folder, group).prepare()


def test_a_group_may_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    files = KeyFiles(tmp_path / "tokens", "daemon")
    (tmp_path / "tokens").mkdir(mode=0o777)
    (tmp_path / "tokens" / "oob-old.key").write_text("left behind")
    (tmp_path / "tokens" / "other.key").write_text("another's")
    files.prepare()
    path = files.make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    assert path.group() == path.parent.group() == "daemon"
    assert {each.name for each in path.parent.iterdir()} == {path.name, "other.key"}


async def test_both_families_are_answered(machine: Machine) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for host in ("127.0.0.1", "[::1]", "localhost"):
            url = f"http://{host}:{machine.port}"
            query = {"api-version": "2020-06-01", "resource": f"{machine.cloud.base}/"}
            challenged = await http.get(f"{url}{ARC_PATH}", params=query, headers={"Metadata": "true"})
            assert challenged.status_code == 401, (host, challenged.text)
            told = await http.get(
                f"{url}/metadata/instance", params={"api-version": "2021-02-01"}, headers={"Metadata": "true"}
            )
            assert (told.status_code, told.json()["network"]) == (200, {})
    assert machine.endpoint.closed == {}


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
async def test_one_family_is_enough(machine: Machine, tmp_path: Path, taken: str) -> None:
    [port] = lasting_ports(1)
    other = await asyncio.start_server(lambda *_: None, taken, port)
    half = IdentityEndpoint(
        machine.tokens, KeyFiles(tmp_path / "more"), port=port, secret_file=machine.secret_file
    )
    await half.open()
    assert list(half.closed) == [taken]
    free = "[::1]" if taken == "127.0.0.1" else "127.0.0.1"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        told = await http.get(f"http://{free}:{port}/metadata/instance")
    assert told.json()["error"].startswith("Bad request")
    await half.close()
    other.close()
    await other.wait_closed()


async def test_a_program_may_want_no_token_that_was_kept(machine: Machine) -> None:
    first = (await machine.dance()).json()["access_token"]
    assert (await machine.tokens.get(f"{machine.cloud.base}/"))["access_token"] == first
    assert (await machine.tokens.get(f"{machine.cloud.base}/", fresh=True))["access_token"] != first


async def test_a_host_that_is_not_connected_says_so(machine: Machine) -> None:
    machine.endpoint.tokens = None
    answer = await machine.get(metadata="true")
    assert (answer.status_code, answer.json()["error"]) == (503, "not_connected")


async def test_a_port_that_is_taken(machine: Machine, tmp_path: Path) -> None:
    second = IdentityEndpoint(
        machine.tokens,
        KeyFiles(tmp_path / "more"),
        port=machine.port,
        secret_file=machine.secret_file,
    )
    with pytest.raises(Fault, match="IdentityPortTaken"):
        await second.open()


async def test_what_is_no_http(machine: Machine) -> None:
    for text in (b"", b"\x16\x03\x01\x02\x00", b"GET " + b"a" * 20000 + b" HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", machine.port)
        writer.write(text)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    assert (await machine.dance()).status_code == 200
