"""`azcmagent` as a person runs it: a real himds, a real control plane, all ways to sign in, and refusals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import sys
import time
import uuid
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from outofband.access import roles
from outofband.core import clock
from outofband.core.secrets import write_private
from outofband.identity import certificates
from outofband.store.credentials import ClientCertificate
from tests.peers.az import Clients
from tests.peers.forms import Forms
from tests.peers.house import House
from tests.peers.lab import AZCMAGENT, GROUP, LOCATION, MACHINES, SUBSCRIPTION, TENANT, Lab
from tests.support.cloud import Person
from tests.support.terminal import Terminal
from tests.support.users import PASSWORD, add_user
from tests.support.wait import until

pytestmark = pytest.mark.anyio
GUID = "0f0b0a11-0000-4000-8000-00000000abcd"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.open():
        yield made
        no_secret_is_shown(made)


OWN = {"agent.key", "localconfig.json", "secret", "token", "wrong"}
"""Files that are there to hold a secret."""


def no_secret_is_shown(lab: Lab) -> None:
    """In no output, no archive, and no file but those that are there for it."""
    texts = {f"output {number}": text.encode() for number, text in enumerate(lab.shown)}
    for file in lab.directory.rglob("*"):
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                texts |= {f"{file}: {name}": archive.read(name) for name in archive.namelist()}
        elif file.is_file() and file.name not in OWN and file.suffix not in (".secret", ".pem", ".pfx"):
            texts[str(file)] = file.read_bytes()
    assert {"himds.log", "control.db"} <= {Path(name).name for name in texts}
    for secret in lab.secrets:
        assert len(secret) > 7
        assert not [name for name, text in texts.items() if secret.encode() in text]


def certificate(client: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, client)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made, key


async def register(lab: Lab, person: Person, made: x509.Certificate) -> None:
    """A certificate for a program, as its administrator registers it."""
    now = clock.now()
    known = certificates.read(made.public_bytes(serialization.Encoding.PEM).decode(), now)
    row = ClientCertificate(
        id=str(uuid.uuid4()),
        app_id=person.app_id,
        object_id=person.object_id,
        label="t",
        thumbprint=known.thumbprint,
        thumbprint_sha256=known.thumbprint_sha256,
        certificate=known.pem,
        begins=known.begins,
        expires=known.expires,
        created=now,
    )
    async with lab.cloud.store.write() as tx:
        await lab.cloud.store.principals.add_certificate(tx, row)


async def test_by_secret_then_shown_then_disconnected(lab: Lab) -> None:
    person = await lab.onboarder()
    login = await lab.principal(person)
    before = await lab.run("show", "status", "-j")
    assert before.json == {"status": "Disconnected"}
    said = await lab.run("connect", *lab.target(), *login, "--tags", "Owner='the lab',Rack=r1")
    assert f"Resource: {MACHINES}/web1" in said.out
    assert "✓ make the resource" in said.err and " s" in said.err
    there = await lab.machine()
    assert there is not None
    assert there["tags"] == {"Owner": "the lab", "Rack": "r1"}
    assert there["properties"]["status"] == "Connected"
    shown = (await lab.run("show", "-j")).json
    assert (shown["status"], shown["resourceName"], shown["resourceGroup"]) == ("Connected", "web1", GROUP)
    assert shown["resourceId"] == f"{MACHINES}/web1"
    assert shown["subscriptionId"] == SUBSCRIPTION and shown["tenantId"] == TENANT
    assert shown["dependentServiceStatus"]["Agent Service (himds)"] == "running"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["certificateExpires"])
    text = (await lab.run("show", "Agent Status", "resourceName")).out
    assert text == f"{'Agent Status':<40}: Connected\n{'Resource Name':<40}: web1\n"
    again = await lab.run("connect", *lab.target("web2"), *login, "-j", expect=67)
    assert again.error["code"] == "AZCM0067" and "web1" in again.error["message"]
    # To onboard is not to remove: the smallest role for that is named.
    kept = await lab.run("disconnect", *login, "-j", expect=43)
    assert (kept.error["code"], kept.error["outer"]) == ("AZCM0043", "AZCM0063")
    assert "action Microsoft.HybridCompute/machines/delete" in kept.error["evidence"]
    assert 'smallest role with it: "Azure Connected Machine Resource Administrator"' in kept.error["evidence"]
    # Nothing has changed by what was refused.
    still = (await lab.run("show", "-j")).json
    assert (still["status"], still["halfway"]) == ("Connected", "")
    owner = await lab.principal(lab.cloud.owner)
    gone = await lab.run("disconnect", *owner)
    assert "Disconnected this server" in gone.out
    assert await lab.machine() is None
    after = (await lab.run("show", "-j")).json
    assert (after["status"], after["resourceId"], after["halfway"]) == ("Disconnected", "", "")
    nothing = await lab.run("disconnect", *owner, "-j")
    assert nothing.json == {"status": "Disconnected", "changed": False}
    assert "Correlation ID=" in (lab.state.log / "azcmagent.log").read_text()


async def test_the_secret_is_asked_for_without_echo(lab: Lab) -> None:
    person = await lab.onboarder()
    lab.secrets.append(person.secret)
    words = ("connect", *lab.target(), "-i", person.app_id, "-t", TENANT)

    def talk() -> str:
        with Terminal([*AZCMAGENT, *words], lab.env) as seat:
            seat.expect(b"Secret of the service principal: ")
            seat.send(person.secret.encode() + b"\r")
            seat.expect(b"Connected this server to Lab as web1.")
            assert seat.wait() == 0
            return bytes(seat.seen).decode()

    lab.shown.append(await asyncio.to_thread(talk))


@pytest.mark.parametrize("form", ["pem", "pfx"])
async def test_by_certificate(lab: Lab, form: str) -> None:
    person = await lab.onboarder()
    made, key = certificate(person.app_id)
    await register(lab, person, made)
    file = lab.directory / f"proof.{form}"
    if form == "pem":
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        lab.secrets += text.decode().splitlines()[1:3]
        write_private(file, text + made.public_bytes(serialization.Encoding.PEM))
    else:
        packed = pkcs12.serialize_key_and_certificates(b"t", key, made, None, serialization.NoEncryption())
        write_private(file, packed)
    login = ("-i", person.app_id, "-t", TENANT, "--service-principal-cert", str(file))
    said = await lab.run("connect", *lab.target(), *login, "-j", "-v")
    assert said.json["status"] == "Connected"
    other, _ = certificate(person.app_id)
    await lab.run("disconnect", "-f")
    file.write_bytes(text + other.public_bytes(serialization.Encoding.PEM) if form == "pem" else b"rubbish")
    wrong = await lab.run("connect", *lab.target(), *login, "-j", expect=23)
    assert wrong.error["code"] == "AZCM0023"
    assert ("not the certificate's" if form == "pem" else "password") in wrong.error["message"]


async def test_by_device_code(lab: Lab) -> None:
    await add_user(lab.cloud.store, TENANT, "ann@lab.example", role=ONBOARDING_AND_READ, scope=SCOPE)
    process = await lab.begin("connect", *lab.target())
    assert process.stderr is not None
    told = ""
    while "enter the code" not in told:
        told = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
    page, code = re.search(r"(https://\S+)", told), re.search(r"code (\S+)\.", told)
    assert page and code, told
    assert "5 minutes" in told

    def allow() -> None:
        with Forms(lab.cloud.base, lab.cloud.client_context()) as browser:
            browser.open(page[1])
            browser.press("Continue", code=code[1])
            browser.press("Sign in", name="ann@lab.example", password=PASSWORD)
            browser.press("Allow")

    await asyncio.to_thread(allow)
    out, err = await asyncio.wait_for(process.communicate(), 90)
    lab.ended(("connect",), process, out, told.encode() + err, 0)
    assert b"Connected this server to Lab as web1" in out


async def test_by_token(lab: Lab) -> None:
    person = await lab.onboarder()
    token = await person.sign_in()
    lab.secrets.append(token.rpartition(".")[2])
    file = lab.directory / "token"
    write_private(file, token)
    said = await lab.run("connect", *lab.target(), "--access-token-file", "-", "-j", "-v", said=token + "\n")
    assert said.json["status"] == "Connected"
    await lab.run("disconnect", "--force-local-only")
    # The same key is gone with it: the name is another server's now.
    taken = await lab.run("connect", *lab.target(), "--access-token-file", str(file), "-j", expect=44)
    assert taken.error["code"] == "AZCM0044"
    assert any(f"{MACHINES}/web1" in each for each in taken.error["evidence"])
    warned = await lab.run("connect", *lab.target("web3"), "--access-token", token)
    assert "every user of this server" in warned.err
    mangled = await lab.run("disconnect", "--access-token", token[:-8] + "AAAAAAAA", "-j", expect=12)
    assert mangled.error["code"] == "AZCM0012"
    for text, why in (("not-a-token", "three parts"), (expired(), "expired")):
        wrong = await lab.run("connect", *lab.target("web4"), "--access-token", text, "-j", "--state",
                              str(lab.directory / "none"), expect=None)  # fmt: skip
        assert wrong.error["code"] in ("AZCM0012", "AZCM0006"), (wrong, why)


def expired() -> str:
    import base64

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'ES256'})}.{part({'exp': int(time.time()) - 90, 'tid': TENANT})}.c2lnbmF0dXJl"


async def test_as_whoever_is_signed_in_to_azures_command_line(lab: Lab) -> None:
    person = await lab.onboarder()
    profile = {
        "arm": lab.cloud.base,
        "gateway": "",
        "caFile": str(lab.cloud.pki.trust),
        "tenantId": TENANT,
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": GROUP,
        "clientId": person.app_id,
        "clientSecretFile": str(lab.state.client / "secret"),
    }
    lab.secrets.append(person.secret)
    write_private(lab.state.client / "secret", person.secret)
    write_private(lab.state.client / "profile.json", json.dumps(profile))
    azure = await asyncio.to_thread(Clients, cast(House, AtRoot(lab)))
    try:
        env = {name: value for name, value in azure.env.items() if name not in ("OOB_STATE", "HOME")}
        early = await lab.run("connect", *lab.target(), "--use-azcli", "-j", env=env, expect=41)
        assert "az login" in early.error["message"] + " ".join(early.error["remedy"])
        await asyncio.to_thread(azure.sign_in)
        said = await lab.run("connect", *lab.target(), "--use-azcli", "-j", env=env)
        assert said.json["status"] == "Connected"
    finally:
        await asyncio.to_thread(azure.close)
    missing = await lab.run("disconnect", "--use-azcli", "-j", env={"PATH": "/nonexistent"}, expect=101)
    assert "no az" in missing.error["message"]


class AtRoot:
    """What `Clients` wants of a house: whose state directory it is."""

    def __init__(self, lab: Lab) -> None:
        self.root = lab.state.root


async def test_what_would_be_done(lab: Lab) -> None:
    person, stranger = await lab.onboarder(), await lab.cloud.person("stranger", roles.READER)
    before = snapshot(lab)
    login = await lab.principal(person)
    said = await lab.run("connect", *lab.target(), *login, "--dry-run", "-j")
    assert [each["method"] for each in said.json["calls"]] == ["GET", "PUT", "POST"]
    assert [each["allowed"] for each in said.json["calls"]] == [True, True, None]
    assert said.json["missing"] == []
    assert {each["role"] for each in said.json["calls"][:2]} == {"Azure Connected Machine Onboarding"}
    text = await lab.run("connect", *lab.target(), *login, "--dry-run")
    assert "Nothing is missing. Nothing was changed." in text.out
    lacking = await lab.run(
        "connect", *lab.target(), *await lab.principal(stranger), "--dry-run", "-j", expect=42
    )
    (missing,) = lacking.json["missing"]
    assert missing["code"] == "AZCM0042" and "machines/write on /subscriptions/" in missing["what"]
    assert "az role assignment create" in missing["remedy"] and stranger.object_id in missing["remedy"]
    assert await lab.machine() is None
    assert snapshot(lab) == before
    nowhere = ("-g", "nowhere", "-l", LOCATION, "-s", SUBSCRIPTION, "-n", "web1")
    elsewhere = ("-g", GROUP, "-l", "Atlantis", "-s", SUBSCRIPTION, "-n", "web1")
    owner = await lab.principal(lab.cloud.owner)
    for place, code, words in ((nowhere, 42, "'nowhere'"), (elsewhere, 20, LOCATION)):
        said = await lab.run("connect", *place, *owner, "--dry-run", "-j", expect=code)
        (missing,) = said.json["missing"]
        assert words in missing["what"], missing
    wrong = await lab.run("connect", *lab.target(), *login, "--dry-run", "--tags", "x", "-j", expect=13)
    assert wrong.error["code"] == "AZCM0013"


def snapshot(lab: Lab) -> dict[str, bytes]:
    """What the agent keeps, but for what changes by itself."""
    return {each.name: each.read_bytes() for each in lab.state.agent.glob("*.json")} | {
        each.name: b"" for each in lab.state.agent.iterdir() if each.suffix != ".json"
    }


async def test_credentials_that_are_refused(lab: Lab) -> None:
    person = await lab.onboarder()
    wrong = lab.directory / "wrong"
    write_private(wrong, "not-the-secret-at-all")
    lab.secrets.append("not-the-secret-at-all")
    secret = ("--service-principal-secret-file", str(wrong))
    said = await lab.run(
        "connect", *lab.target(), "-i", person.app_id, "-t", TENANT, *secret, "-j", expect=41
    )
    assert "AADSTS7000215" in said.error["evidence"]
    assert f"application (client) ID {person.app_id}" in said.error["evidence"]
    assert "value" in said.error["remedy"][0]
    said = await lab.run("connect", *lab.target(), "-i", GUID, "-t", TENANT, *secret, "-j", expect=41)
    assert "AADSTS700016" in said.error["evidence"] and "object ID" in said.error["remedy"][0]
    said = await lab.run("connect", *lab.target(), "-i", person.app_id, "-t", GUID, *secret, "-j", expect=41)
    assert "AADSTS90002" in said.error["evidence"] and "--tenant-id" in said.error["remedy"][0]
    french = await lab.run(
        "connect", *lab.target(), "-i", person.app_id, "-t", TENANT, *secret, "--lang", "fr", expect=41
    )
    assert french.out.startswith("erreur (AZCM0041) Aucun jeton n'a été donné")
    assert "constat : AADSTS7000215" in french.out
    argv = await lab.run(
        "connect", *lab.target(), "-i", person.app_id, "-t", TENANT, "-p", "not-the-secret-at-all", expect=41
    )
    assert "every user of this server" in argv.err
    # Nothing was begun by any of them.
    assert (await lab.run("show", "halfway", "-j")).json == {"halfway": ""}


async def test_rights_and_places_that_lack(lab: Lab) -> None:
    reader = await lab.principal(await lab.cloud.person("reader", roles.READER))
    said = await lab.run("connect", *lab.target(), *reader, "-j", expect=42)
    error = said.error
    assert (error["code"], error["outer"], error["exitCode"]) == ("AZCM0042", "AZCM0062", 42)
    assert "action Microsoft.HybridCompute/machines/write" in error["evidence"]
    assert 'smallest role with it: "Azure Connected Machine Onboarding"' in error["evidence"]
    assert error["remedy"][0].startswith("An owner gives it: az role assignment create")
    assert error["step"] == "make the resource"
    assert not any("for a console" in each for each in error["remedy"])
    for language, wrapper, given in (
        ("nl", "tijdens: AZCM0062", "Een eigenaar geeft die: az role"),
        ("fr", "pendant : AZCM0062", "Un propriétaire le donne : az role"),
    ):
        text = await lab.run("connect", *lab.target(), *reader, "--lang", language, expect=42)
        assert wrapper in text.out and given in text.out
        # What mends it does not depend on the language.
        assert 'smallest role with it: "Azure Connected Machine Onboarding"' in text.out
        assert 'az role assignment create --role "Azure Connected Machine Onboarding"' in text.out
    shown = (await lab.run("show", "-j")).json
    assert (shown["status"], shown["halfway"]) == ("Disconnected", "")
    owner = await lab.principal(lab.cloud.owner)
    nowhere = ("-g", "nowhere", "-l", LOCATION, "-s", SUBSCRIPTION, "-n", "web1")
    said = await lab.run("connect", *nowhere, *owner, "-j", expect=42)
    assert "resource group nowhere" in said.error["evidence"]
    elsewhere = ("-g", GROUP, "-l", "Atlantis", "-s", SUBSCRIPTION, "-n", "web1")
    said = await lab.run("connect", *elsewhere, *owner, "-j", expect=20)
    assert (said.error["code"], said.error["outer"]) == ("AZCM0020", "AZCM0062")
    assert f'"atlantis" in this control plane. Known: {LOCATION}' in said.error["message"]
    named = ("-g", GROUP, "-l", LOCATION, "-s", "No Such", "-n", "web1")
    said = await lab.run("connect", *named, *owner, "-j", expect=68)
    assert "subscriptions it sees: S" in said.error["evidence"]
    by_name = ("-g", GROUP, "-l", LOCATION, "-s", "s", "-n", "web1")
    done = await lab.run("connect", *by_name, *owner)
    assert "begun" not in done.err
    assert (await lab.run("show", "status", "halfway", "-j")).json == {"status": "Connected", "halfway": ""}


async def test_a_resource_that_was_made_for_the_key_beforehand(lab: Lab) -> None:
    key = (await lab.run("genkey", "-j")).json
    body = {
        "location": LOCATION,
        "tags": {"made": "before"},
        "identity": {"type": "SystemAssigned"},
        "properties": {"clientPublicKey": key["publicKey"], "vmId": key["vmId"], "osType": "linux"},
    }
    made = await lab.cloud.owner.ask("PUT", f"{MACHINES}/web1", body, version="2024-07-10")
    assert made.status_code == 200, made.text
    reader = await lab.principal(await lab.cloud.person("reader", roles.READER))
    await lab.run("connect", *lab.target(), *reader)
    there = await lab.machine()
    assert there is not None and there["properties"]["status"] == "Connected"
    assert there["tags"] == {"made": "before"}
    before = (await lab.run("genkey")).out
    assert before.strip() == key["publicKey"]
    rekeyed = await lab.run("rekey", "-j")
    assert rekeyed.json["status"] == "Rekeyed"
    assert (await lab.run("genkey")).out != before
    assert (await lab.run("show", "status", "-j")).json == {"status": "Connected"}


async def test_the_agent_does_not_answer(lab: Lab) -> None:
    login = await lab.principal(await lab.onboarder())
    assert lab.himds is not None
    lab.himds.send_signal(signal.SIGSTOP)
    try:
        hung = await lab.run("connect", *lab.target(), *login, "-j", expect=64)
        assert hung.error["code"] == "AZCM0064"
        shown = (await lab.run("show", "-j")).json
        assert shown["agentErrorCode"] == "AZCM0064"
        assert shown["dependentServiceStatus"]["Agent Service (himds)"] == "unknown"
    finally:
        lab.himds.send_signal(signal.SIGCONT)
    await lab.stop()
    down = await lab.run("connect", *lab.target(), *login, "-j", expect=61)
    assert down.error["code"] == "AZCM0061"
    for words in (("disconnect", "-f"), ("genkey",), ("rekey",)):
        assert (await lab.run(*words, "-j", expect=61)).error["code"] == "AZCM0061"
    shown = (await lab.run("show", "-j")).json
    assert (shown["status"], shown["agentErrorCode"]) == ("Disconnected", "AZCM0061")
    place = lab.state.agent / "admin.sock"
    place.unlink(missing_ok=True)

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    async with await asyncio.start_unix_server(nonsense, place):
        garbled = await lab.run("connect", *lab.target(), *login, "-j", expect=65)
    assert garbled.error["code"] == "AZCM0065"


async def test_interrupted_where_something_was_begun(lab: Lab) -> None:
    """Ctrl-C while a person is waited for and while himds stands still: told, and the same again goes on."""
    login = await lab.principal(lab.cloud.owner)
    process = await lab.begin("connect", *lab.target())
    assert process.stderr is not None
    while b"enter the code" not in await asyncio.wait_for(process.stderr.readline(), 60):
        pass
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    said = lab.ended(("connect",), process, out, err, 11)
    assert "AZCM0011" in said.out and "sign in at" in said.out
    assert (await lab.run("show", "halfway", "-j")).json == {"halfway": ""}
    # The resource is made, and cannot be claimed: himds does not go on.
    assert lab.himds is not None
    process = await lab.begin("connect", *lab.target(), *login)
    await until(lambda: (lab.state.agent / "halfway.json").exists(), seconds=30)
    lab.himds.send_signal(signal.SIGSTOP)
    await until_machine(lab)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 100)
    lab.himds.send_signal(signal.SIGCONT)
    found = lab.ended(("connect",), process, out, err, None)
    if found.code == 11:
        assert "half-connected" in found.out and "AZCM0062" in found.out
    else:
        # It was done before the signal came.
        assert found.code == 0, found
    done = await lab.run("connect", *lab.target(), *login, expect=None)
    assert done.code in (0, 67), done
    assert (await lab.run("show", "status", "-j")).json == {"status": "Connected"}


async def until_machine(lab: Lab) -> None:
    for _ in range(600):
        if await lab.machine() is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the resource was not made")


async def test_the_name_is_another_servers(lab: Lab) -> None:
    """It is not taken, and neither is it deleted by who failed to take it."""
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"clientPublicKey": "A" * 43, "osType": "linux"},
    }
    made = await lab.cloud.owner.ask("PUT", f"{MACHINES}/web9", body, version="2024-07-10")
    assert made.status_code == 200, made.text
    stranger = await lab.principal(await lab.onboarder("second"))
    taken = await lab.run("connect", *lab.target("web9"), *stranger, "-j", expect=44)
    assert (taken.error["code"], taken.error["outer"]) == ("AZCM0044", "AZCM0062")
    assert any(f"{MACHINES}/web9" in each for each in taken.error["evidence"])
    # What was refused left nothing halfway that a disconnect could take for its own.
    said = await lab.run("disconnect", *await lab.principal(lab.cloud.owner), "-j")
    assert said.json == {"status": "Disconnected", "changed": False}
    assert await lab.machine("web9") is not None
    assert (await lab.run("show", "status", "halfway", "-j")).json == {
        "status": "Disconnected",
        "halfway": "",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a namespace")
async def test_the_certificate_does_not_come(lab: Lab) -> None:
    """himds has no network, whoever connects it has: the resource is made and not claimed (AZCM0081)."""
    login = await lab.principal(lab.cloud.owner)
    await lab.stop()
    await lab.start("unshare", "--net")
    said = await lab.run("connect", *lab.target(), *login, "-j", expect=81)
    assert (said.error["code"], said.error["outer"], said.error["step"]) == (
        "AZCM0081",
        "AZCM0062",
        "claim the resource",
    )
    assert await lab.machine() is not None
    half = (await lab.run("show", "-j")).json
    assert half["status"] == "Half-connected"
    await lab.stop()
    await lab.start()
    done = await lab.run("connect", *lab.target(), *login)
    assert "Going on with what was begun" in done.err
    await lab.stop()
    await lab.start("unshare", "--net")
    assert (await lab.run("rekey", "-j", expect=45)).error["code"] == "AZCM0045"
    await lab.stop()
    await lab.start()
    # What it keeps cannot be removed: a folder that is not empty has the certificate's name.
    (lab.state.agent / "agent.crt").unlink()
    (lab.state.agent / "agent.crt" / "x").mkdir(parents=True)
    stuck = await lab.run("disconnect", "-f", "-j", expect=68)
    assert (stuck.error["code"], stuck.error["outer"]) == ("AZCM0068", "AZCM0063")
    (lab.state.agent / "agent.crt" / "x").rmdir()
    (lab.state.agent / "agent.crt").rmdir()
    await lab.run("disconnect", "-f")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a namespace")
async def test_keys_that_cannot_be_made_and_keys_that_are_lost(lab: Lab) -> None:
    # As on a disk that has become read-only, for himds alone.
    await lab.stop()
    await lab.start("unshare", "--mount")
    assert lab.himds is not None
    folder = str(lab.state.agent)
    for words in (("--bind", folder, folder), ("-o", "remount,bind,ro", folder)):
        await lab.run(*words, command=["nsenter", "-m", "-t", str(lab.himds.pid), "mount"])
    unmade = await lab.run("genkey", "-j", expect=103)
    assert unmade.error["code"] == "AZCM0103"
    await lab.stop()
    await lab.start()
    owner = await lab.principal(lab.cloud.owner)
    await lab.run("connect", *lab.target(), *owner)
    await lab.stop()
    (lab.state.agent / "agent.key").unlink()
    await lab.start()
    lost = await lab.run("genkey", "-j", expect=104)
    assert (lost.error["code"], lost.error["title"]) == ("AZCM0104", "The private key could not be read")
    shown = (await lab.run("show", "-j")).json
    assert shown["status"] == "Error", shown
    # The remedy works: the resource is known by its identity, and a new key is made for the next one.
    await lab.run("disconnect", *owner)
    assert await lab.machine() is None
    await lab.run("connect", *lab.target(), *owner)


async def test_the_provider_is_not_registered(lab: Lab) -> None:
    where = f"{SCOPE}/providers/Microsoft.HybridCompute"
    for verb, expected in (("unregister", 42), ("register", 0)):
        answer = await lab.cloud.owner.ask("POST", f"{where}/{verb}", version="2021-04-01")
        assert answer.is_success, answer.text
        login = await lab.principal(lab.cloud.owner)
        tried = await lab.run("connect", *lab.target(), *login, "--dry-run", "-j", expect=expected)
        assert bool(tried.json["missing"]) is bool(expected)
        said = await lab.run("connect", *lab.target(), *login, "-j", expect=expected)
        if expected:
            assert "not registered" in said.error["message"]
            assert "az provider register --namespace Microsoft.HybridCompute" in said.error["remedy"][0]


async def test_the_agents_endpoint_is_not_up(lab: Lab) -> None:
    """Another program has its port (AZCM0066)."""
    with socket.socket() as other, socket.socket(socket.AF_INET6) as other6:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other6.bind(("::1", port))
        other6.listen()
        await lab.stop()
        tokens = lab.directory / "tokens"
        (lab.state.agent / "agent.toml").write_text(
            f'[identity]\nenabled = true\nport = {port}\ntokens = "{tokens}"\n'
        )
        await lab.start()
        login = await lab.principal(await lab.onboarder())
        said = await lab.run("connect", *lab.target(), *login, "-j", expect=66)
    assert said.error["code"] == "AZCM0066" and str(port) in said.error["message"]
    assert await lab.machine() is None


async def test_nobody_there(lab: Lab) -> None:
    login = await lab.principal(await lab.onboarder())
    lab.install(arm="https://127.0.0.1:1")
    said = await lab.run("connect", *lab.target(), *login, "-j", expect=26)
    assert said.error["code"] == "AZCM0026"
    assert any("PortClosed" in each for each in said.error["evidence"]), said
    lab.install(arm="https://nowhere.invalid")
    said = await lab.run("connect", *lab.target(), *login, "-j", expect=26)
    assert said.error["evidence"][0].startswith("dns: "), said
    other, _ = certificate("another authority")
    lab.install(trust=other.public_bytes(serialization.Encoding.PEM).decode())
    said = await lab.run("connect", *lab.target(), *login, "-j", expect=26)
    assert said.error["evidence"][0].startswith("tls: "), said
    assert "issuer" in " ".join(said.error["evidence"])


async def test_logs_without_secrets(lab: Lab) -> None:
    person = await lab.onboarder()
    login = await lab.principal(person)
    await lab.run("connect", *lab.target(), *login, "-v")
    await lab.run("config", "set", "proxy.url", "http://user:pr0xy-pass-word@127.0.0.1:9")
    lab.secrets.append("pr0xy-pass-word")
    key_file = (lab.state.agent / "agent.key").read_text()
    (lab.state.log / "other.log").write_text(f"oops client_secret={person.secret}\n{key_file}")
    lab.secrets.append(key_file.splitlines()[1])
    said = await lab.run("logs", "-f", "-o", "logs.zip", "-j")
    file = lab.directory / "logs.zip"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert {"show.json", "manifest.json", "logs/azcmagent.log", "logs/other.log"} <= set(names)
        assert json.loads(archive.read("show.json"))["resourceName"] == "web1"
    assert "other.log" in said.json["redacted"]
    (lab.state.log / "other.log").unlink()
    line = re.compile(r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=\w+ msg=.+')
    for each in (lab.state.log / "azcmagent.log").read_text().splitlines():
        assert line.fullmatch(each), each


async def test_whoever_may_not(lab: Lab) -> None:
    """As another user than the owner of the state directory; the test has to be root for that."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    for each in (lab.directory, *lab.directory.parents):
        if each != Path("/") and each.stat().st_uid == 0:
            each.chmod(each.stat().st_mode | 0o055)
    lab.state.root.chmod(0o755)
    lab.state.agent.chmod(0o755)
    login = await lab.principal(await lab.onboarder())
    command = [sys.executable, "-c", AS_NOBODY]
    for words in (
        ("connect", *lab.target(), *login),
        ("disconnect", "-f"),
        ("config", "set", "config.mode", "monitor"),
        ("logs",),
        ("genkey",),
    ):
        said = await lab.run(*words, "-j", expect=18, command=command)
        assert said.error["code"] == "AZCM0018", said
        assert "nobody" in said.error["message"]
    assert (await lab.run("version", command=command)).out.startswith("azcmagent version ")


SCOPE = f"/subscriptions/{SUBSCRIPTION}"
ONBOARDING_AND_READ = "b64e21ea-ac4e-4cdf-9dc9-5b892992bee7"
AS_NOBODY = """
import difflib, importlib, os, pkgutil, sys, traceback, uuid
from outofband.catalogue import codes
from outofband.cli import azcmagent
for each in pkgutil.iter_modules(azcmagent.__path__):
    if each.name != "__main__":
        importlib.import_module(f"outofband.cli.azcmagent.{each.name}")
import outofband.agent.local, outofband.agent.settings, outofband.agent.clouds, outofband.wire.detect
codes()
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
from outofband.cli.azcmagent.main import run
sys.exit(run(sys.argv[1:]))
"""
