"""`oob identity provider` on a whole control plane: registered, shown, changed, linked; no secret is told."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest

from outofband.access import roles
from outofband.cli.identity import identity
from outofband.cli.identity_providers import complete_provider
from outofband.client import background
from outofband.store.wrapping import PROVIDERS
from tests.support.cloud import TENANT, Cloud
from tests.support.users import add_user
from tests.unit.cli.verbs import Oob

pytestmark = pytest.mark.anyio
ISSUER = "https://127.0.0.1:9"
SECRET = "wh1sper: & more"


@pytest.fixture
async def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(await cloud.person("boss", roles.OWNER, "/"), tmp_path / "state")


async def kept(cloud: Cloud, name: str = "Corp") -> str | None:
    """The client secret as the store has it."""
    async with cloud.store.read() as tx:
        found = await cloud.store.identity_providers.named(tx, TENANT, name)
    assert found is not None
    if found.secret is None:
        return None
    return cloud.store.vault.unseal(found.secret, PROVIDERS.about(found.id), found.wrap).decode()


async def test_a_provider_from_its_registration_to_its_end(
    cloud: Cloud, oob: Oob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = f"identity provider create Corp --issuer {ISSUER} --client-id oob"
    assert (await oob("identity provider list"))[1] == "There are no providers.\n"
    _, err = await oob(create, 2)
    assert "--secret-file" in err
    await oob(f"{create} --public --secret-stdin", 2)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    await oob("identity group add Operators")
    more = f"--secret-file {tmp_path}/secret --groups-claim groups --map ops=Operators --allow-group staff"
    out, _ = await oob(f"{create} {more} --create-users --second-factor amr=mfa")
    assert f"{cloud.base}/external/" in out and "/callback" in out
    assert await kept(cloud) == SECRET
    shown = await oob.json("identity provider show corp")
    assert shown["hasSecret"] and SECRET not in str(shown)
    assert (shown["groupMap"][0]["external"], shown["createUsers"]) == ("ops", True)
    out, _ = await oob("identity provider show Corp")
    assert "ops=Operators" in out and "amr=mfa" in out
    assert (await oob.json("identity provider list"))[0]["name"] == "Corp"
    assert (await oob.json(f"{create} --public", 5))["code"] == "ProviderExists"

    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    await oob("identity provider update Corp --secret-stdin --rename Firm --clear map --disable")
    changed = await oob.json("identity provider show Firm")
    assert (changed["groupMap"], changed["enabled"], changed["allowedGroups"]) == ([], False, ["staff"])
    assert await kept(cloud, "Firm") == "another"
    await oob("identity provider update Firm --public --enable")
    assert await kept(cloud, "Firm") is None
    assert "say what to change" in (await oob("identity provider update Firm", 2))[1]
    assert (await oob.json("identity provider update Firm --issuer http://x", 2))[
        "code"
    ] == "InvalidParameter"

    # Nothing listens there.
    assert (await oob.json("identity provider test Firm", 6))["code"] == "ProviderUnreachable"

    await add_user(cloud.store, TENANT, "ada@lab.example")
    out, _ = await oob("identity provider invite Firm ada --email Ada@x.example")
    assert "ada@lab.example can sign in through Firm" in out
    await oob("identity provider invite Firm ada", 2)
    assert (await oob.json("identity provider invite Firm ada --subject 7", 5))["code"] == "ExternalTaken"
    assert "(invited)" in (await oob("identity provider links Firm"))[0]
    [link] = await oob.json("identity provider links Firm")
    await oob(f"identity provider unlink Firm {link['id']}")
    assert (await oob.json(f"identity provider unlink Firm {link['id']}", 3))["code"] == "ExternalNotFound"

    found = await background.call(lambda: complete_provider(click.Context(identity, obj=None), None, "fi"))  # type: ignore[arg-type]
    assert found == []  # another state directory: nobody answers, and nothing is said
    assert (await oob("identity provider delete Firm", 2))[1]
    await oob("identity provider delete Firm --yes")
    assert (await oob.json("identity provider show Firm", 3))["code"] == "ProviderNotFound"
    async with cloud.store.read() as tx:
        rows = (await cloud.store.activity.page(tx)).items
    assert SECRET not in str([each.properties for each in rows])
    assert {each.action.rpartition("/")[2] for each in rows if "identityProviders" in each.action} >= {
        "write",
        "delete",
        "action",
    }
