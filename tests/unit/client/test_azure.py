"""What is read of az's own folder, and what is said when az is missing or fails. Real runs: tests/peers."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.client.azure import Az, Folder, Made, Notes, bundle_of, public_authorities
from outofband.core.errors import Fault

MADE = Made(arm="https://oob.example:8443", authorities="-----BEGIN ours-----\n")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "az config")


def test_an_empty_folder_means_azure(folder: Folder) -> None:
    assert folder.cloud == "AzureCloud"
    assert folder.resource_manager("Outofband") is None
    assert folder.asks_microsoft
    assert folder.accounts("Outofband") == []
    assert folder.notes() is None


def test_what_az_wrote_is_read(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "clouds.config").write_text("[Lab]\nendpoint_resource_manager = https://h:1\nodd = 100%\n")
    (folder.root / "config").write_text("[cloud]\nname = Lab\n[core]\ninstance_discovery = False\n")
    profile = '{"subscriptions":[{"environmentName":"Lab","user":{"name":"a"}},{"environmentName":"Lab",'
    profile += '"user":{"name":"a"}},{"environmentName":"AzureCloud","user":{"name":"b"}}]}'
    (folder.root / "azureProfile.json").write_text(profile, encoding="utf-8-sig")
    assert folder.resource_manager("Lab") == "https://h:1"
    assert folder.cloud == "Lab"
    assert not folder.asks_microsoft
    assert folder.accounts("Lab") == ["a"]


@pytest.mark.parametrize("text", ["", "[", "[cloud]\nname", "{}", "\x00\xff"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(folder: Folder, text: str) -> None:
    folder.root.mkdir()
    for name in ("clouds.config", "config", "azureProfile.json"):
        (folder.root / name).write_bytes(text.encode("latin-1"))
    assert folder.cloud == "AzureCloud"
    assert folder.resource_manager("Lab") is None
    assert folder.accounts("Lab") == []


def test_notes_come_back_and_are_private(folder: Folder) -> None:
    notes = Notes(clouds={"Outofband": MADE}, cloud_before="AzureCloud", discovery_before="true")
    folder.keep(notes)
    assert folder.notes() == notes
    assert folder.bundle.read_text() == MADE.authorities
    assert [path.stat().st_mode & 0o077 for path in folder.root.iterdir()] == [0, 0]
    folder.keep(None)
    assert list(folder.root.iterdir()) == []


def test_notes_of_somebody_else_are_refused(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "outofband.json").write_text("[]")
    with pytest.raises(Fault) as caught:
        folder.notes()
    assert caught.value.code == "ProfileInvalid"


def test_the_public_authorities_stay_trusted(folder: Folder, tmp_path: Path) -> None:
    corporate = tmp_path / "corporate.pem"
    corporate.write_text("-----BEGIN theirs-----\n")
    named = {"REQUESTS_CA_BUNDLE": str(corporate)}
    assert public_authorities(named) == str(corporate)
    notes = Notes(clouds={"Outofband": MADE}, public=str(corporate))
    assert bundle_of(notes).split() == ["-----BEGIN", "ours-----", "-----BEGIN", "theirs-----"]
    folder.keep(notes)
    assert public_authorities({"REQUESTS_CA_BUNDLE": str(folder.bundle)}) != str(folder.bundle)
    other = Folder(tmp_path / "other")
    other.keep(Notes(clouds={"Lab": MADE}, public=str(corporate)))
    assert public_authorities({"REQUESTS_CA_BUNDLE": str(other.bundle)}) != str(other.bundle)
    corporate.unlink()
    assert bundle_of(notes) == MADE.authorities


def test_without_az_the_remedy_is_to_install_it(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        Az(folder, {"PATH": str(tmp_path)})
    assert caught.value.code == "AzureCliMissing"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("WARNING: old\nERROR: no endpoints.\nPlease look.\nTraceback", "no endpoints. Please look."),
        ("ImportError: nothing", "ImportError: nothing"),
        ("", "exit code 3"),
    ],
)
def test_a_failing_az_is_quoted(folder: Folder, tmp_path: Path, said: str, told: str) -> None:
    program = tmp_path / "az"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}' >&2\nexit 3\n")
    program.chmod(0o755)
    seen: list[str] = []
    with pytest.raises(Fault) as caught:
        Az(folder, {"PATH": f"{tmp_path}:/usr/bin:/bin"}, trace=seen.append).run("cloud", "list")
    assert (caught.value.code, caught.value.fields["detail"]) == ("AzureCliFailed", told)
    assert seen == ["az cloud list"]


def test_a_command_may_be_about_another_cloud_than_the_one_in_use(folder: Folder, tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = tmp_path / "az"
    program.write_text(f'#!/bin/sh\nprintf "%s " "$AZURE_CLOUD_NAME" "$@" >>"{said}"\n')
    program.chmod(0o755)
    az = Az(folder, {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    az.run("logout", "--username", "a", cloud="Lab")
    az.run("cloud", "list")
    assert said.read_text() == "Lab logout --username a --output none  cloud list --output none "
