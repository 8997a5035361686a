"""What can be wrong with a machine, provoked for real: file systems, permissions, missing programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.cli import preflight
from outofband.client.faults import explained
from outofband.core.errors import Fault
from outofband.core.paths import StateDir

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@contextlib.contextmanager
def mounted(kind: str, place: Path, *options: str) -> Iterator[Path]:
    place.mkdir()
    done = subprocess.run(["mount", "-t", kind, *options, "none", str(place)], check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine cannot mount {kind}")
    try:
        place.chmod(0o700)
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def refusal(check: object, *arguments: object) -> Fault:
    with pytest.raises(Fault) as raised:
        check(*arguments)  # type: ignore[operator]
    words = explained(raised.value)
    assert "?" not in words.message
    assert words.exit == 8
    assert words.remedy
    return raised.value


@needs_root
def test_a_file_system_without_holes(tmp_path: Path) -> None:
    with mounted("ramfs", tmp_path / "m") as place:
        fault = refusal(preflight.disk, StateDir(place))
        assert fault.fields == {"path": str(place), "fs": "ramfs"}
        assert fault.code == "HolePunchUnsupported"


@needs_root
def test_too_little_room(tmp_path: Path) -> None:
    with mounted("tmpfs", tmp_path / "m", "-o", "size=4m") as place:
        fault = refusal(preflight.disk, StateDir(place))
        assert (fault.code, fault.fields["needed"]) == ("NoSpace", preflight.MIN_FREE_MIB)
        assert fault.fields["free"] <= 4


@needs_root
def test_no_room_at_all(tmp_path: Path) -> None:
    with mounted("tmpfs", tmp_path / "m", "-o", "size=128k") as place:
        with contextlib.suppress(OSError):
            (place / "full").write_bytes(bytes(1024 * 1024))
        assert refusal(preflight.disk, StateDir(place)).code == "NoSpace"


@needs_root
def test_a_disk_that_takes_no_writes(tmp_path: Path) -> None:
    with mounted("tmpfs", tmp_path / "m") as place:
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        assert refusal(preflight.disk, StateDir(place)).code == "StateNotWritable"
        fault = refusal(preflight.private_state, StateDir(place / "state"))
        assert (fault.code, fault.fields["detail"]) == ("StateNotWritable", "Read-only file system")


def test_a_disk_that_will_do(tmp_path: Path) -> None:
    preflight.disk(StateDir(tmp_path))
    assert list(tmp_path.iterdir()) == [], "nothing of the probe stays"


def test_a_state_directory_is_made_private(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "a" / "b")
    preflight.private_state(state)
    preflight.private_state(state)
    for folder in (state.root, state.run, state.log, state.guests):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o702])
def test_a_state_directory_that_others_get_into(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    fault = refusal(preflight.private_state, StateDir(tmp_path))
    assert (fault.code, fault.fields["mode"]) == ("StateUnsafe", oct(mode))


@needs_root
def test_a_state_directory_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 65534, 65534)
    fault = refusal(preflight.private_state, StateDir(tmp_path))
    assert (fault.code, fault.fields["mode"]) == ("StateUnsafe", "it belongs to user 65534")


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert refusal(preflight.private_state, StateDir(tmp_path / "state")).code == "StateNotWritable"
    assert refusal(preflight.private_state, StateDir(tmp_path / "state" / "x")).code == "StateNotWritable"


def test_no_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(preflight.qemu).code == "QemuNotFound"


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert refusal(preflight.system).fields == {"system": "darwin"}


def test_up_stops_at_the_first_no_and_starts_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    env = {"PATH": str(tmp_path), "OOB_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "outofband.cli", "up"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 8
    assert done.stderr.startswith("error (QemuNotFound)")
    assert "apt-get install" in done.stderr
    assert not list((tmp_path / "run").iterdir())
