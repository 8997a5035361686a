"""What an installation would do: decided without touching anything, and done below a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from outofband.agent import config
from outofband.agent.install import plan, texts, verbs
from outofband.agent.install.look import STATE, USER, Found, look
from outofband.agent.install.plan import Place
from outofband.agent.install.steps import Account, Command, File, Folder, Gone, Link, NoAccount, done
from outofband.core import paths, secrets
from outofband.core.errors import Fault

SYSTEMD = Found(systemd=True, init_scripts=True, ours=False)
PLAIN = Found(systemd=False, init_scripts=True, ours=False)
REAL = Place()
ANALYZE = shutil.which("systemd-analyze")


def steps(found: Found, place: Place = REAL) -> list[object]:
    return list(plan.install(found, place, python="/opt/azcmagent/venv-1/bin/python", version="1.2"))


def files(found: Found, place: Place = REAL) -> dict[str, File]:
    return {str(each.path): each for each in steps(found, place) if isinstance(each, File)}


def test_the_fixed_names() -> None:
    made = files(SYSTEMD)
    assert {"/opt/azcmagent/bin/azcmagent", "/opt/azcmagent/bin/himds"} <= made.keys()
    assert "IDENTITY_ENDPOINT=http://localhost:40342/metadata/identity/oauth2/token" in (
        made["/lib/systemd/system.conf.d/azcmagent.conf"].text
    )
    assert "IMDS_ENDPOINT" in made["/etc/profile.d/azcmagent.sh"].text
    assert "/lib/systemd/system/himdsd.service" in made
    assert Link(Path("/usr/local/bin/azcmagent"), "/opt/azcmagent/bin/azcmagent") in steps(SYSTEMD)
    marker = msgspec.json.decode(made["/etc/outofband/agent.json"].text, type=paths.Marker)
    assert marker == paths.Marker(state="/var/opt/azcmagent", version="1.2")
    folders = {str(each.path): each for each in steps(SYSTEMD) if isinstance(each, Folder)}
    assert folders["/var/opt/azcmagent"].owner is None and folders["/var/opt/azcmagent"].mode == 0o755
    assert folders["/var/opt/azcmagent/tokens"].owner == USER
    assert folders["/var/opt/azcmagent/agent"].mode == 0o700


def test_without_systemd_there_are_no_units() -> None:
    made = files(PLAIN)
    assert "/etc/init.d/himdsd" in made
    assert not any("systemd" in path for path in made)
    assert "/etc/init.d/himdsd" not in files(Found(systemd=False, init_scripts=False, ours=False))
    assert plan.start(PLAIN, REAL) == [Command(("/opt/azcmagent/bin/himdsd", "restart"))]


def test_the_user_is_made_before_what_belongs_to_it_and_the_marker_is_last() -> None:
    found = steps(SYSTEMD)
    assert isinstance(found[0], Account)
    assert isinstance(found[-1], File) and found[-1].path == paths.MARKER


def test_a_removal_takes_what_an_installation_made() -> None:
    made = {each.path for each in steps(SYSTEMD) if isinstance(each, File | Folder | Link)}
    made |= {each.path for each in steps(PLAIN) if isinstance(each, File | Folder | Link)}
    gone = [
        each for each in plan.remove(SYSTEMD, REAL, purge=True) if isinstance(each, Gone) and not each.empty
    ]
    left = {path for path in made if not any(path.is_relative_to(each.path) for each in gone)}
    assert left == {
        Path("/usr/local/bin/azcmagent"),
        Path("/usr/local/bin/oob"),
    }  # looked at: whose link it is
    assert NoAccount(USER) in plan.remove(SYSTEMD, REAL, purge=True)
    kept = plan.remove(SYSTEMD, REAL, purge=False)
    assert NoAccount(USER) not in kept and Gone(STATE) not in kept


def test_the_first_settings_give_programs_the_servers_identity() -> None:
    wanted = msgspec.convert(tomllib.loads(plan.settings()), config.HostConfig).identity
    assert wanted.enabled and wanted.group == USER


def test_below_a_folder_everything_is_made_and_taken_away(tmp_path: Path) -> None:
    said: list[str] = []
    root = tmp_path / "root"
    verbs.install(root, say=said.append, warn=said.append)
    state = root / "var/opt/azcmagent"
    assert (state / "log").stat().st_mode & 0o7777 == 0o2750
    assert paths.read_marker(root) is not None
    version = subprocess.run(
        [root / "opt/azcmagent/bin/himds", "--version"], capture_output=True, text=True, check=False
    )
    # -I: without PYTHONPATH it finds what this Python has installed, if that is this project.
    assert version.returncode in (0, 1)
    (state / "agent/agent.toml").write_text("# mine\n")
    (state / "agent/identity.json").write_text("{}")
    verbs.install(root, say=said.append, warn=said.append)
    assert (state / "agent/agent.toml").read_text() == "# mine\n"
    assert "upgraded" in said[-1]
    with pytest.raises(Fault) as connected:
        verbs.uninstall(root, say=said.append, purge=True)
    assert connected.value.code == "AgentStillConnected"
    (state / "agent/identity.json").unlink()
    verbs.uninstall(root, say=said.append)
    assert (state / "agent/agent.toml").exists() and not (root / "opt/azcmagent").exists()
    with pytest.raises(Fault) as absent:
        verbs.uninstall(root, say=said.append, purge=True)
    assert absent.value.code == "NotInstalled"
    verbs.install(root, say=said.append, warn=said.append)
    verbs.uninstall(root, say=said.append, purge=True)
    assert [each for each in root.rglob("*") if not each.is_dir()] == []


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    verbs.install(tmp_path / "root", say=said.append, warn=said.append, dry_run=True)
    assert not (tmp_path / "root").exists()
    assert any("himdsd.service" in each for each in said)


@pytest.mark.parametrize(
    ("path", "text", "foreign"),
    [
        ("opt/azcmagent/bin/azcmagent", "\x7fELF another", True),
        ("opt/azcmagent/bin/himds", "#!/bin/sh\nexec himds\n", True),
        ("lib/systemd/system/himdsd.service", "[Service]\nExecStart=/opt/azcmagent/bin/himds\n", True),
        ("var/lib/dpkg/info/azcmagent.list", "/opt\n", True),
        ("opt/azcmagent/bin/himds", texts.program("/usr/bin/python3", "x"), False),
        ("lib/systemd/system/himdsd.service", texts.agent_unit("/b", "/s", "u"), False),
    ],
)
@pytest.mark.exact
def test_another_makers_agent_is_left_alone(tmp_path: Path, path: str, text: str, foreign: bool) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    before = sorted(tmp_path.rglob("*"))
    said: list[str] = []
    if not foreign:
        verbs.install(tmp_path, say=said.append, warn=said.append)
        return
    with pytest.raises(Fault) as caught:
        verbs.install(tmp_path, say=said.append, warn=said.append)
    assert caught.value.code == "ForeignAgent"
    assert sorted(tmp_path.rglob("*")) == before and file.read_text() == text


def test_guests_that_run_hold_up_a_removal(tmp_path: Path) -> None:
    verbs.install(tmp_path, say=print, warn=print)
    machine = tmp_path / "var/opt/azcmagent/agent/machines/vm"
    machine.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as guest:
        (machine / "qemu.pid").write_text(f"{guest.pid}\n")
        with pytest.raises(Fault) as caught:
            verbs.uninstall(tmp_path, say=print)
        guest.kill()
    assert caught.value.code == "GuestsStillRun"
    verbs.uninstall(tmp_path, say=print)


def test_a_step_that_fails_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault) as caught:
        done([Folder(tmp_path / "file" / "below", 0o755)])
    assert caught.value.code == "InstallFailed" and "below" in caught.value.fields["step"]
    with pytest.raises(Fault):
        done([Command(("false",))])
    done([Command(("false",), may_fail=True)])


def test_no_link_leads_a_folders_owner_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir(mode=0o700)
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    with pytest.raises(Fault):
        done([Folder(tmp_path / "log", 0o777)])
    assert (tmp_path / "victim").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not there")
def test_the_units_are_sound_and_shut_in(tmp_path: Path) -> None:
    verbs.install(tmp_path, say=print, warn=print)
    for name in ("bin/himds", "bin/himds-helper"):
        assert os.access(tmp_path / "opt/azcmagent" / name, os.X_OK)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kill").touch(0o755)
    assert ANALYZE is not None
    security = [ANALYZE, "security", "--offline=true", f"--root={tmp_path}", "--no-pager", "--threshold=25"]
    said = subprocess.run([*security, "himdsd.service"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    verified = subprocess.run(
        [
            ANALYZE,
            "verify",
            f"--root={tmp_path}",
            "--recursive-errors=no",
            "himdsd.service",
            "himdsd-helper.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0 and not verified.stderr, verified.stderr


def test_profile_keeps_what_is_set(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text(texts.profile())
    said = subprocess.run(
        ["sh", "-c", ". ./profile; echo $IMDS_ENDPOINT $IDENTITY_ENDPOINT"],
        cwd=tmp_path,
        env={"IDENTITY_ENDPOINT": "mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "http://localhost:40342 mine\n"


def test_the_installed_state_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OOB_STATE", raising=False)
    marker = tmp_path / "agent.json"
    marker.write_text('{"state": "/var/opt/azcmagent", "version": "1"}')
    monkeypatch.setattr(paths, "MARKER", marker)
    assert paths.agent_state_dir().root == STATE
    assert paths.agent_state_dir("/tmp/x").root == Path("/tmp/x")
    monkeypatch.setenv("OOB_STATE", "/tmp/y")
    assert paths.agent_state_dir().root == Path("/tmp/y")
    assert look(Path("/")).ours


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_root_writes_into_anothers_folder_is_that_others(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    secrets.write_private(tmp_path / "agent.toml", "x")
    assert (tmp_path / "agent.toml").stat().st_uid == 65534
    secrets.write_private(tmp_path / "mine", "x", like_folder=False)
    assert (tmp_path / "mine").stat().st_uid == 0
