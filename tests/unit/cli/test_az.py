"""`oob az undo` on a folder in which somebody went on working. Real runs of az: tests/peers."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from outofband.cli import az
from outofband.client.azure import Folder, Made, Notes

PROGRAM = """#!/bin/sh
printf '%s ' "${AZURE_CLOUD_NAME:-in-use}" "$@" >>"$AZURE_CONFIG_DIR/said"
echo >>"$AZURE_CONFIG_DIR/said"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """One that was set up while the cloud Gone was in use, which is there no more; an az that only tells."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "az").write_text(PROGRAM)
    (programs / "az").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    made = Folder(tmp_path / "config")
    ours = Made(arm="https://oob.example:8443", authorities="ours\n")
    made.keep(Notes(clouds={"Outofband": ours}, cloud_before="Gone"))
    clouds = "[Outofband]\nendpoint_resource_manager = https://oob.example:8443\n"
    (made.root / "clouds.config").write_text(clouds)
    account = '{"environmentName": "Outofband", "user": {"name": "ada"}}'
    (made.root / "azureProfile.json").write_text(f'{{"subscriptions": [{account}]}}', "utf-8-sig")
    return made


def undone(folder: Folder, in_use: str) -> list[str]:
    (folder.root / "config").write_text(f"[cloud]\nname = {in_use}\n")
    done = CliRunner().invoke(az.az, ["undo", "--config-dir", str(folder.root)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert not list(folder.root.glob("outofband*"))
    return [line.partition(" --output")[0] for line in (folder.root / "said").read_text().splitlines()]


def test_a_cloud_that_is_gone_is_not_chosen_again(folder: Folder) -> None:
    assert undone(folder, "Outofband") == [
        "Outofband logout --username ada",
        "in-use cloud set --name AzureCloud",
        "in-use cloud unregister --name Outofband",
    ]


def test_who_is_signed_in_here_is_signed_out_while_another_cloud_is_in_use(folder: Folder) -> None:
    assert undone(folder, "AzureCloud") == [
        "Outofband logout --username ada",
        "in-use cloud unregister --name Outofband",
    ]
