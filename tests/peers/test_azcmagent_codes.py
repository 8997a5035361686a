"""`azcmagent` refused and left alone: each code by the condition that it is for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from outofband.access import roles
from outofband.core.secrets import write_private
from outofband.net import tls
from tests.peers.azcmagent import certificate, lab
from tests.peers.lab import GROUP, LOCATION, MACHINES, SUBSCRIPTION, TENANT, Lab

__all__ = ["lab"]

pytestmark = pytest.mark.anyio
GUID = "0f0b0a11-0000-4000-8000-00000000abcd"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
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
    for language, wrapper, given, smallest in (
        ("nl", "tijdens: AZCM0062", "Een eigenaar geeft die: az role", "kleinste rol ermee:"),
        ("fr", "pendant : AZCM0062", "Un propriétaire le donne : az role", "plus petit rôle qui l'a :"),
    ):
        text = await lab.run("connect", *lab.target(), *reader, "--lang", language, expect=42)
        assert wrapper in text.out and given in text.out
        # What mends it does not depend on the language.
        assert f'{smallest} "Azure Connected Machine Onboarding"' in text.out
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


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", b"<html><body>Sign in to the hotel's network.</body></html>", 26),
        ("200 OK", b"{", 26),
        (
            "404 Not Found",
            b'{"error": {"code": "InvalidResourceType", "message": "No such thing here."}}',
            75,
        ),
    ],
)
async def test_something_else_answers_in_its_place(lab: Lab, status: str, body: bytes, code: int) -> None:
    """Signing in works. A stranger is told from one that speaks the language and has no such description."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(head.encode() + body)
        writer.close()

    login = await lab.principal(await lab.onboarder())
    pki = lab.cloud.pki
    other = await asyncio.start_server(
        answer, "127.0.0.1", 0, ssl=tls.server_context(pki.certificate, pki.key)
    )
    try:
        lab.install(arm=f"https://127.0.0.1:{other.sockets[0].getsockname()[1]}", login=lab.cloud.base)
        said = await lab.run("connect", *lab.target(), *login, "-j", expect=code)
    finally:
        other.close()
    assert said.error["code"] == f"AZCM{code:04}"
    if code == 75:
        assert "InvalidResourceType" in said.error["evidence"][0]
    assert await lab.machine() is None


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


async def test_the_agents_own_files_are_not_what_it_expects(lab: Lab) -> None:
    """himds fails over a folder in the place of a file of its own (AZCM0002), and goes on once it is gone."""
    login = await lab.principal(await lab.onboarder())
    (lab.state.agent / "halfway.json").mkdir()
    said = await lab.run("connect", *lab.target(), *login, "-j", expect=2)
    assert (said.error["code"], said.error["retryable"]) == ("AZCM0002", True)
    assert "himds.log" in said.error["message"] and "himds" in said.error["remedy"][0]
    french = await lab.run("connect", *lab.target(), *login, "--lang", "fr", expect=2)
    assert french.out.startswith("erreur (AZCM0002) L'agent lui-même a échoué : himds a rencontré un cas")
    assert "admin.defect" in (lab.state.log / "himds.log").read_text()
    assert await lab.machine() is None
    (lab.state.agent / "halfway.json").rmdir()
    await lab.run("connect", *lab.target(), *login)


async def test_the_certificate_cannot_be_read(lab: Lab) -> None:
    """Cut off on its disk (AZCM0107): `check` tells it from one that is gone, and a restart mends it."""
    login = await lab.principal(await lab.onboarder())
    await lab.run("connect", *lab.target(), *login)
    path = lab.state.agent / "agent.crt"
    path.write_bytes(path.read_bytes()[:200])
    said = await lab.run("check", "-j", expect=107)
    assert (said.json["code"], said.json["identity"][0]["cause"]) == (
        "AZCM0107",
        "IdentityCertificateUnusable",
    )
    french = await lab.run("check", "--lang", "fr", expect=107)
    assert "(AZCM0107) Ce serveur est connecté, et son certificat" in french.out
    await lab.stop()
    await lab.start()

    for _ in range(100):
        if (await lab.run("check", "-j", expect=None)).code == 0:
            return
    raise AssertionError("himds did not ask for its certificate")
