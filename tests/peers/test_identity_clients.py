"""Azure's sign-in libraries and the program az, unmodified, at a control plane: secrets, certificates, device
codes, the identity of a machine, and what happens when something is taken away while they work.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from guests.folder import locked
from outofband.access import roles
from outofband.agent import enroll
from outofband.agent.managed.endpoint import IdentityEndpoint
from outofband.agent.managed.keyfiles import KeyFiles
from outofband.agent.managed.tokens import HostTokens
from outofband.agent.state import HostKey, Trust, key_path
from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.identity import certificates
from outofband.identity.clients import AZURE_CLI
from outofband.store.principals import ClientCertificate
from outofband.wire.managed_identity import ARC_PATH
from tests.peers.az import APART, PYTHON, needed
from tests.support.browser import Browser
from tests.support.cloud import SCOPE, SUBSCRIPTION, TENANT, Cloud, Person
from tests.support.ports import lasting_ports
from tests.support.users import PASSWORD, add_user
from tests.support.wait import within
from tests.unit.identity.test_assertions import Signer

pytestmark = pytest.mark.anyio
TALKS = Path(__file__).with_name("identity_talks.py")
TOKENS = Path("/var/opt/azcmagent/tokens")
"""Azure's clients read key files here and nowhere else."""
ANN = "ann@lab.example"
SECONDS = 180.0


class Clients:
    """Programs of the environment .az that trust one control plane."""

    def __init__(self, cloud: Cloud) -> None:
        needed()
        self.cloud = cloud
        self.home = Path(tempfile.mkdtemp(prefix="oob-identity-"))
        foreign = ("AZURE_", "ARM_", "REQUESTS_CA", "CURL_CA", "SSL_CERT", "PYTHON", "IDENTITY_", "IMDS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env = kept | {
            "PATH": f"{APART / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "AZURE_CONFIG_DIR": str(self.home / "az"),
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "REQUESTS_CA_BUNDLE": str(cloud.pki.trust),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def about(self, person: Person | None = None, **more: Any) -> dict[str, Any]:
        mine = {"client": person.app_id, "secret": person.secret} if person is not None else {}
        return {"arm": self.cloud.base, "tenant": TENANT, "subscription": SUBSCRIPTION} | mine | more

    async def start(self, name: str, about: dict[str, Any], **env: str) -> asyncio.subprocess.Process:
        running = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(TALKS),
            name,
            env=self.env | env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert running.stdin is not None
        running.stdin.write(json.dumps(about).encode() + b"\n")
        return running

    async def line(self, running: asyncio.subprocess.Process) -> Any:
        assert running.stdout is not None
        async with asyncio.timeout(SECONDS):
            text = await running.stdout.readline()
        if not text:
            assert running.stderr is not None
            raise AssertionError((await running.stderr.read()).decode()[-4000:])
        return json.loads(text)

    async def talk(self, name: str, about: dict[str, Any], **env: str) -> Any:
        running = await self.start(name, about, **env)
        told = await self.line(running)
        await within(running.wait())
        return told

    async def az(self, *words: str, expect: int = 0, **env: str) -> Any:
        running = await asyncio.create_subprocess_exec(
            str(APART / "bin" / "az"),
            *words,
            "--output",
            "json",
            env=self.env | env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(SECONDS):
            out, err = await running.communicate()
        assert running.returncode == expect, (words, err.decode()[-3000:])
        return json.loads(out) if out.strip() and expect == 0 else err.decode()

    async def registered(self) -> None:
        """As docs/howto/azure-cli.md has it, by hand."""
        name = f"Lab{uuid.uuid4().hex[:6]}"
        await self.az("cloud", "register", "--name", name, "--endpoint-resource-manager", self.cloud.base)
        await self.az("cloud", "set", "--name", name)


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        await add_user(running.store, TENANT, ANN, role=roles.READER)
        async with running.host():
            await running.owner.create_vm("demo")
            yield running


@pytest.fixture(scope="module")
async def clients(cloud: Cloud) -> AsyncIterator[Clients]:
    made = Clients(cloud)
    yield made
    shutil.rmtree(made.home, ignore_errors=True)


async def program(cloud: Cloud, *signers: Signer, role: str = roles.READER) -> Person:
    """A program with a secret and these certificates."""
    person = await cloud.person(f"p{uuid.uuid4().hex[:6]}", role)
    for each in signers:
        found = certificates.read(each.pem, clock.now())
        row = ClientCertificate(
            id=str(uuid.uuid4()),
            app_id=person.app_id,
            object_id=person.object_id,
            label="test",
            thumbprint=found.thumbprint,
            thumbprint_sha256=found.thumbprint_sha256,
            certificate=found.pem,
            created=clock.now(),
            begins=found.begins,
            expires=found.expires,
        )
        async with cloud.store.write() as tx:
            await cloud.store.principals.add_certificate(tx, row)
    return person


def signer() -> Signer:
    return Signer(rsa.generate_private_key(65537, 2048), now=clock.now())


def key_of(made: Signer) -> str:
    private = serialization.PrivateFormat.PKCS8
    return made.private.private_bytes(
        serialization.Encoding.PEM, private, serialization.NoEncryption()
    ).decode()


def pem_of(made: Signer, path: Path) -> str:
    """Key and certificate in one file, as az and azure-identity want it; its path."""
    path.write_text(key_of(made) + made.pem)
    path.chmod(0o600)
    return str(path)


async def test_azure_identity_with_a_secret_and_a_certificate(
    cloud: Cloud, clients: Clients, tmp_path: Path
) -> None:
    made = signer()
    person = await program(cloud, made)
    about = clients.about(person, pem=pem_of(made, tmp_path / "cert.pem"))
    assert await clients.talk("secret", about) == ["demo"]
    assert await clients.talk("certificate", about) == {"False": ["demo"], "True": ["demo"]}


async def test_msal_with_the_older_thumbprint(cloud: Cloud, clients: Clients) -> None:
    made = signer()
    person = await program(cloud, made)
    sha1 = made.certificate.fingerprint(hashes.SHA1()).hex()
    told = await clients.talk("confidential", clients.about(person, key=key_of(made), sha1=sha1))
    assert told == {
        "same": True,
        "other": True,
        "from": ["identity_provider", "cache", "identity_provider"],
    }


async def test_wrong_proofs_have_entras_numbers(cloud: Cloud, clients: Clients, tmp_path: Path) -> None:
    person = await program(cloud)
    about = clients.about(person, stranger=pem_of(signer(), tmp_path / "stranger.pem"))
    told = await clients.talk("refused", about)
    # MSAL's own words: it does not get as far as a token.
    tenant = told.pop("tenant")
    assert told == {
        "secret": "7000215",
        "certificate": "700027",
        "client": "700016",
    }
    assert "double check your tenant name or GUID" in tenant


async def off_and_on(cloud: Cloud, person: Person) -> None:
    """How an administrator ends every token of a program that may go on."""
    async with cloud.store.write() as tx:
        await cloud.store.principals.set_disabled(tx, person.object_id, True)
        await cloud.store.principals.set_disabled(tx, person.object_id, False)


@pytest.mark.parametrize("capable", [True, False])
async def test_what_is_taken_away_is_felt_and_a_client_goes_on(
    cloud: Cloud, clients: Clients, capable: bool
) -> None:
    """Who announces that it can fetches another token and lists; then its secret goes, and it is told so."""
    person = await program(cloud)
    running = await clients.start("evaluated", clients.about(person, capable=capable))
    assert running.stdin is not None
    assert await clients.line(running) == "off"
    await off_and_on(cloud, person)
    running.stdin.write(b"\n")
    assert await clients.line(running) == "secret"
    async with cloud.store.write() as tx:
        for each in await cloud.store.principals.secrets(tx, person.object_id):
            await cloud.store.principals.remove_secret(tx, each.id)
    running.stdin.write(b"\n")
    told = await clients.line(running)
    assert told[0] == ["demo"]
    if capable:
        assert told[1:] == [["demo"], "7000215"]
    else:
        # It keeps its token, and is refused with it as long as it does.
        assert all("TokenIssuedBeforeRevocationTimestamp" in each for each in told[1:])
    await within(running.wait())


async def test_azure_identity_with_a_device_code(cloud: Cloud, clients: Clients) -> None:
    running = await clients.start("device", clients.about(cli=AZURE_CLI.id))
    shown = await clients.line(running)
    async with Browser(cloud.base, cloud.client_context()) as browser:
        await browser.go("/device")
        await browser.send("code", code=shown["code"])
        await browser.sign_in(ANN, PASSWORD)
        await browser.send("allow")
    assert shown["page"] == f"{cloud.base}/device"
    assert await clients.line(running) == ["demo"]
    await within(running.wait())


@asynccontextmanager
async def token_folder() -> AsyncIterator[None]:
    """TOKENS, for one agent of this machine at a time: each removes what it finds there when it starts."""
    if not os.access(TOKENS.parents[1], os.W_OK):
        pytest.fail(f"{TOKENS} has to be writable: Azure's clients read key files nowhere else")
    TOKENS.parent.mkdir(exist_ok=True)
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, locked(TOKENS.parent))
        yield


@pytest.fixture
async def machine(cloud: Cloud, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A host that is Reader and hands out its tokens; the environment of programs on it."""
    state = StateDir(tmp_path)
    name, token = f"h{uuid.uuid4().hex[:8]}", await cloud.token()
    identity = await asyncio.to_thread(enroll.enrol, state, server=cloud.base, token=token, name=name)
    me = Person(cloud, identity.agent, identity.agent, TENANT, "")
    await cloud.assign(me, roles.READER, SCOPE)
    tokens = HostTokens(Trust(state, identity), HostKey.load(key_path(state)))
    [port] = lasting_ports(1)
    secret = tmp_path / "agent" / "identity-header"
    endpoint = IdentityEndpoint(tokens, KeyFiles(TOKENS), port=port, secret_file=secret)
    async with token_folder():
        await endpoint.open()
        yield {
            "IMDS_ENDPOINT": f"http://localhost:{port}",
            "IDENTITY_ENDPOINT": f"http://localhost:{port}{ARC_PATH}",
            "secret": secret.read_text(),
            "app": f"http://localhost:{port}/msi/token",
        }
        await endpoint.close()


async def test_azure_identity_on_a_machine(cloud: Cloud, clients: Clients, machine: dict[str, str]) -> None:
    arc = {name: machine[name] for name in ("IMDS_ENDPOINT", "IDENTITY_ENDPOINT")}
    assert await clients.talk("managed", clients.about(), **arc) == ["demo"]
    app = {"IDENTITY_ENDPOINT": machine["app"], "IDENTITY_HEADER": machine["secret"]}
    assert await clients.talk("managed", clients.about(), **app) == ["demo"]


async def test_az_with_a_certificate_and_on_a_machine(
    cloud: Cloud, clients: Clients, machine: dict[str, str], tmp_path: Path
) -> None:
    made = signer()
    person = await program(cloud, made, role=roles.READER)
    await clients.registered()
    pem = pem_of(made, tmp_path / "az.pem")
    words = ("login", "--service-principal", "--username", person.app_id, "--tenant", TENANT)
    [account] = await clients.az(*words, "--certificate", pem)
    assert account["user"] == {"name": person.app_id, "type": "servicePrincipal"}
    assert [each["name"] for each in await clients.az("vm", "list")] == ["demo"]
    # A role is taken and given again: nothing but that is felt.
    async with cloud.store.write() as tx:
        [held] = await cloud.store.assignments.of_caller(tx, person.object_id)
        await cloud.store.assignments.remove(tx, held.tenant_id, held.scope, held.name)
    await cloud.assign(person, roles.READER, SCOPE)
    assert [each["name"] for each in await clients.az("vm", "list")] == ["demo"]
    # What of az is built on the SDK answers a challenge by itself; its newer commands only tell of it.
    await off_and_on(cloud, person)
    assert "TokenIssuedBeforeRevocationTimestamp" in await clients.az("vm", "list", expect=1)
    assert "demo" in [each["name"] for each in await clients.az("resource", "list")]
    assert [each["name"] for each in await clients.az("vm", "list")] == ["demo"]
    await clients.az("logout")
    arc = {name: machine[name] for name in ("IMDS_ENDPOINT", "IDENTITY_ENDPOINT")}
    [account] = await clients.az("login", "--identity", **arc)
    assert account["user"]["type"] == "servicePrincipal"
    assert account["user"]["assignedIdentityInfo"] == "MSI"
    assert [each["name"] for each in await clients.az("vm", "list", **arc)] == ["demo"]
