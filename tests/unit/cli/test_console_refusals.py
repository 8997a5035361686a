"""What keeps a person from a console, as `oob console` tells it: code, remedy, exit code, three languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.access import roles
from tests.support.blob_client import account_id
from tests.support.cloud import SCOPE, Cloud, Host, vm_id
from tests.unit.cli.verbs import Oob

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
LOOK = "console demo --observe"
SERVICE = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"
STORAGE = "2025-08-01"


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        await cloud.owner.create_vm()
        yield linked


@pytest.fixture
def oob(cloud: Cloud, host: Host, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def diagnostics(cloud: Cloud, **wanted: object) -> None:
    body = {"properties": {"diagnosticsProfile": {"bootDiagnostics": wanted}}}
    assert (await cloud.owner.ask("PATCH", vm_id("demo"), body)).is_success


async def account(cloud: Cloud, name: str, **properties: object) -> str:
    body = {
        "sku": {"name": "Standard_LRS"},
        "kind": "StorageV2",
        "location": "local",
        "properties": properties,
    }
    assert (await cloud.owner.ask("PUT", account_id(name), body, version=STORAGE)).is_success
    return f"https://{name}.blob.core.oob.example/"


async def test_each_is_told_with_its_remedy(oob: Oob, cloud: Cloud, host: Host, tmp_path: Path) -> None:
    async def told(code: str, remedy: str, ends: int) -> None:
        out, err = await oob(LOOK, ends)
        assert out == ""
        assert f"error ({code}) " in err
        assert remedy in err

    await diagnostics(cloud, enabled=False)
    await told("BootDiagnosticsDisabled", "az vm boot-diagnostics enable", 5)
    await diagnostics(cloud, enabled=True, storageUri="http://acct1.blob.core.oob.example/")
    await told("BootDiagnosticsUriInvalid", "--storage https://ACCOUNT.blob.SUFFIX/", 5)
    await diagnostics(cloud, enabled=True, storageUri="https://acct1.blob.core.oob.example/")
    await told("BootDiagnosticsAccountNotFound", "az storage account list", 5)
    fenced = await account(cloud, "acct1", publicNetworkAccess="Disabled")
    await diagnostics(cloud, enabled=True, storageUri=fenced)
    await told("BootDiagnosticsForbidden", "az storage account update --name acct1 --default-action Allow", 5)
    await diagnostics(cloud, enabled=True, storageUri=await account(cloud, "lake1", isHnsEnabled=True))
    await told("BootDiagnosticsHierarchical", "--enable-hierarchical-namespace false", 5)

    await diagnostics(cloud, enabled=True, storageUri=await account(cloud, "fine1"))
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    oob = Oob(operator, tmp_path / "operator")
    await told("BootDiagnosticsAccountUndetermined", "Virtual Machine Contributor on it", 4)
    await cloud.assign(operator, roles.READER, account_id("fine1"))
    await told("BootDiagnosticsWriteDenied", "Virtual Machine Contributor on it", 4)
    reader = await cloud.person("reader", roles.READER)
    oob = Oob(reader, tmp_path / "reader")
    await told("AuthorizationFailed", "Ask an Owner of the scope for a role", 4)

    oob = Oob(cloud.owner, tmp_path / "state")
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/deallocate"))
    await told("VmNotRunning", "oob vm start demo", 5)
    await cloud.owner.ask("POST", f"{SERVICE}/disableConsole", version="2024-07-01")
    await told("ConsoleDisabledForSubscription", "oob serial enable", 5)


async def test_what_may_pass_is_tried_again_first(oob: Oob, cloud: Cloud) -> None:
    await diagnostics(cloud, enabled=True, storageUri=await account(cloud, "gone1"))
    (cloud.folder / "blobs").write_text("no folder")
    _, err = await oob(LOOK, 6)
    again, _, last = err.partition("error (BootDiagnosticsStorageBusy) ")
    assert "gone1" in last
    assert "Wait a moment and try again" in last
    assert again.count("Trying again in") >= 1, err


async def test_the_listener_cannot_be_reached(oob: Oob, cloud: Cloud) -> None:
    """A firewall that lets the API through and not the consoles."""
    await cloud.listener.close()
    _, err = await oob(LOOK, 6)
    port = cloud.ports["gateway"]
    assert "error (ConsoleUnreachable) " in err
    assert f"remedy: Allow wss://127.0.0.1:{port} in the firewall" in err


async def test_it_speaks_the_persons_language(
    oob: Oob, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OOB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    await diagnostics(cloud, enabled=False)
    _, english = await oob(LOOK, 5)
    _, french = await oob(f"{LOOK} --lang fr", 5)
    monkeypatch.setenv("LANG", "nl_NL.UTF-8")
    _, dutch = await oob(LOOK, 5)
    monkeypatch.setenv("OOB_LANG", "fr")
    assert (await oob(LOOK, 5))[1] == french
    assert "error (BootDiagnosticsDisabled) Boot diagnostics are disabled for the VM 'demo'" in english
    assert "erreur (BootDiagnosticsDisabled) Les diagnostics de démarrage de la machine" in french
    assert "remède : Activez les diagnostics" in french
    assert "fout (BootDiagnosticsDisabled) Diagnostische gegevens over opstarten zijn" in dutch
    assert "oplossing: Schakel diagnostische gegevens" in dutch


async def test_what_the_client_finds_itself_is_translated_too(oob: Oob, cloud: Cloud) -> None:
    await cloud.listener.close()
    _, err = await oob(f"{LOOK} --lang fr", 6)
    assert "erreur (ConsoleUnreachable) Pas de réponse de wss://" in err
    assert "remède : Autorisez wss://" in err


async def test_the_policy_warns_instead(oob: Oob, cloud: Cloud) -> None:
    assert (await oob.json("serial policy"))["diagnosticsStorage"] == "block"
    out, _ = await oob("serial policy --diagnostics-storage warn")
    assert "opens with a warning" in out
    assert (await oob.json("serial policy --end-login on"))["diagnosticsStorage"] == "warn"
