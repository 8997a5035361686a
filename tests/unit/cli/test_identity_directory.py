"""`oob identity group` and `client` on a whole control plane: made, shown, given roles, proven, removed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from outofband.access import roles
from outofband.cli.identity import identity
from outofband.cli.identity_names import complete_client, complete_group
from outofband.client import background
from tests.support.cloud import SCOPE, TENANT, Cloud
from tests.unit.cli.verbs import Oob
from tests.unit.identity.test_groups import issued, pem

pytestmark = pytest.mark.anyio


@pytest.fixture
async def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    boss = await cloud.person("boss", roles.OWNER, "/")
    await cloud.assign(boss, roles.OWNER, SCOPE)
    return Oob(boss, tmp_path / "state")


def certificate(folder: Path, name: str) -> Path:
    """A file as `az ad sp create-for-rbac --create-cert` makes it: the private key first."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / name
    file.write_text(private.decode() + pem(issued(key, ends=5000)))
    return file


async def status(cloud: Cloud, app_id: str, secret: str) -> int:
    form = {
        "client_id": app_id,
        "client_secret": secret,
        "grant_type": "client_credentials",
        "scope": f"{cloud.base}//.default",
    }
    return (await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)).status_code


async def test_groups_come_and_go(oob: Oob, cloud: Cloud) -> None:
    assert (await oob("identity group list"))[1] == "There are no groups.\n"
    await oob("identity user add ada")
    made = await oob.json("identity group add Operators --description x --role Reader")
    async with cloud.store.read() as tx:
        (given,) = await cloud.store.assignments.of_principals(tx, [made["id"]])
    assert (given.role_id, given.scope, given.principal_type) == (roles.READER, SCOPE, "Group")
    await oob("identity group add Night")
    assert (await oob("identity group member add Operators ada"))[0] == "ada is in Operators.\n"
    await oob("identity group member add Operators Night")
    await oob("identity group member add night boss")
    out, _ = await oob("identity group show operators")
    head, *lines = [line.split()[:2] for line in out.splitlines()[3:]]
    assert head == ["MEMBER", "KIND"]
    assert sorted(lines) == [["Night", "group"], ["ada@lab.example", "user"]]
    assert len(await oob.json("identity group member list Operators")) == 2
    assert (await oob.json("identity group member add Night Operators", 5))["code"] == "GroupCycle"
    assert (await oob.json("identity group member add Night nobody", 3))["code"] == "NobodyNamed"
    assert (await oob.json("identity group member list Nothing", 3))["code"] == "GroupNotFound"
    await oob("identity group member remove Operators ada@lab.example")
    gone = await oob.json("identity group member remove Operators ada", 3)
    assert gone["code"] == "DirectoryObjectNotFound"
    await oob("identity group add Night")
    assert (await oob.json("identity group remove Night --yes", 5))["code"] == "GroupAmbiguous"
    removed = await oob.json(f"identity group remove {made['id']} --yes")
    assert removed == {"group": made["id"], "removed": True}
    left = await oob.json("identity group list")
    assert [each["displayName"] for each in left] == ["Night", "Night"]
    named = {each["displayName"]: each["id"] for each in left}
    assert (await oob.json(f"identity group remove {named['Night']}", 2))["code"] == "UsageInvalid"


async def test_a_client_and_its_secrets(oob: Oob, cloud: Cloud) -> None:
    out, err = await oob("identity client add backup --role Reader --days 30")
    told = dict(line.split() for line in out.replace("client id", "client").splitlines())
    assert await status(cloud, told["client"], told["secret"]) == 200
    assert "good for 30 days" in err
    more = await oob.json("identity client secret add backup --days 5 --label two")
    assert more["clientId"] == told["client"]
    assert await status(cloud, told["client"], more["secretText"]) == 200
    out, _ = await oob("identity client secret list backup")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        f"{secret[:3]}…" for secret in (told["secret"], more["secretText"])
    ]
    assert more["secretText"] not in out
    await oob(f"identity client secret remove backup {more['keyId']}")
    assert await status(cloud, told["client"], more["secretText"]) == 401
    gone = await oob.json(f"identity client secret remove backup {more['keyId']}", 3)
    assert gone["code"] == "CredentialNotFound"
    await oob("identity client disable backup")
    assert await status(cloud, told["client"], told["secret"]) != 200
    await oob("identity client enable backup")
    assert await status(cloud, told["client"], told["secret"]) == 200
    out, _ = await oob("identity client list")
    (line,) = [each for each in out.splitlines() if each.startswith("backup")]
    assert line.split() == ["backup", "yes", "1", "0", told["client"]]
    await oob(f"identity client remove {told['client']} --yes")
    assert (await oob.json("identity client show backup", 3))["code"] == "ClientUnknown"


async def test_a_client_by_its_certificates(oob: Oob, cloud: Cloud, tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "one.pem"), certificate(tmp_path, "two.pem")
    made = await oob.json(f"identity client add deploy --certificate {first}")
    assert "secret" not in made
    added = await oob.json(f"identity client certificate add deploy {second} --days 9 --label next")
    assert re.fullmatch(r"[0-9A-F]{40}", added["customKeyIdentifier"])
    listed = await oob.json("identity client certificate list deploy")
    assert [each["displayName"] for each in listed] == ["CN=robot", "next"]
    async with cloud.store.read() as tx:
        program = await cloud.store.principals.by_app(tx, made["clientId"])
        assert program is not None
        kept = await cloud.store.principals.certificates(tx, program.object_id)
    assert len(kept) == 2
    assert not any("PRIVATE" in each.certificate for each in kept)
    again = await oob.json(f"identity client certificate add deploy {second}", 5)
    assert again["code"] == "CertificateExists"
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    refused = await oob.json(f"identity client certificate add deploy {empty}", 2)
    assert refused["code"] == "CertificateRefused"
    await oob(f"identity client certificate remove deploy {added['customKeyIdentifier'].lower()}")
    await oob(f"identity client certificate remove deploy {listed[0]['keyId']}")
    assert await oob.json("identity client certificate list deploy") == []
    assert (await oob("identity client show deploy"))[0].startswith("name       deploy\n")


async def test_who_may_not(cloud: Cloud, tmp_path: Path) -> None:
    oob = Oob(cloud.owner, tmp_path / "other")
    assert await oob.json("identity group list") == []
    for line in ("group add x", "client add x"):
        assert (await oob.json(f"identity {line}", 4))["code"] == "AuthorizationFailed"


async def test_names_on_tab(oob: Oob) -> None:
    await oob("identity group add Operators")
    await oob("identity client add backup")
    context = click.Context(identity)
    context.params = {"state": oob.state}

    def names(complete: Callable[..., list[str]], begun: str) -> list[str]:
        return complete(context, None, begun)

    assert await background.call(names, complete_group, "op") == ["Operators"]
    assert await background.call(names, complete_group, "o'x") == []
    assert await background.call(names, complete_client, "ba") == ["backup"]


async def test_the_directory_as_a_document(oob: Oob, tmp_path: Path) -> None:
    await oob("identity user add ada")
    await oob("identity group add Operators")
    await oob("identity group member add Operators ada")
    file = tmp_path / "people.json"
    out, _ = await oob(f"identity export {file}")
    assert out.startswith("1 users, 1 groups, ")
    assert file.stat().st_mode & 0o777 == 0o600
    document = json.loads(file.read_bytes())
    assert json.loads((await oob("identity export"))[0]) == document
    assert (await oob(f"identity import {file}"))[1] == "Everything is as the document says.\n"
    document["groups"][0]["description"] = "on call"
    file.write_text(json.dumps(document))
    out, err = await oob(f"identity import {file} --dry-run")
    assert out.splitlines()[1].split() == ["update", "groups", "Operators", "description"]
    assert "Nothing was changed" in err
    assert len((await oob.json(f"identity import {file}"))["changes"]) == 1
    assert (await oob.json(f"identity import {file}"))["changes"] == []
    _, err = await oob(f"identity export {file} --with-password-hashes")
    assert "keep it as you keep those" in err
    assert "$argon2id$" in file.read_text()
    file.write_text("{")
    assert (await oob.json(f"identity import {file}", 2))["code"] == "ImportRefused"
