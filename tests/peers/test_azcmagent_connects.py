"""`azcmagent` as a person runs it: a real himds, a real control plane, and all ways to sign in."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import stat
import time
import zipfile
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from outofband.access import roles
from outofband.core.secrets import write_private
from tests.peers.az import Clients
from tests.peers.azcmagent import certificate, lab, register
from tests.peers.forms import Forms
from tests.peers.house import House
from tests.peers.lab import AZCMAGENT, GROUP, LOCATION, MACHINES, ONBOARDING, SUBSCRIPTION, TENANT, Lab
from tests.support.terminal import Terminal
from tests.support.users import PASSWORD, add_user
from tests.support.wait import until

__all__ = ["lab"]

pytestmark = pytest.mark.anyio


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
    await add_user(
        lab.cloud.store, TENANT, "ann@lab.example", role=ONBOARDING, scope=f"/subscriptions/{SUBSCRIPTION}"
    )
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


async def test_interrupted_where_something_was_begun(lab: Lab) -> None:
    """Ctrl-C while a person is waited for and while himds stands still: told, and the same again goes on."""
    login = await lab.principal(lab.cloud.owner)
    process = await lab.begin("connect", *lab.target())
    assert process.stderr is not None
    while b"enter the code" not in await asyncio.wait_for(process.stderr.readline(), 60):
        pass
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 90)
    said = lab.ended(("connect",), process, out, err, 11)
    assert "AZCM0011" in said.out and "sign in at" in said.out
    assert (await lab.run("show", "halfway", "-j")).json == {"halfway": ""}
    # The resource is made, and cannot be claimed: himds does not go on.
    assert lab.himds is not None
    process = await lab.begin("connect", *lab.target(), *login)
    await until(lambda: (lab.state.agent / "halfway.json").exists(), seconds=90)
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
    for _ in range(3000):
        if await lab.machine() is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the resource was not made")


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
