"""Building the demo guest: what is kept, what is made anew, and what is said when it cannot be done."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guests.build import Guest, build
from guests.packages import GuestError
from tests.peers.guest import PASSWORD
from tests.support.wait import promised

BUILDER = Path(__file__).parents[2] / "guests" / "build.py"
AGAIN_S = 2.0  # "at once": a build takes longer than that already to unpack the kernel's package
BUILD_S = 120.0

NO_NETWORK = """
Acquire { Retries "0"; http::Proxy "http://127.0.0.1:1"; https::Proxy "http://127.0.0.1:1"; };
"""


@pytest.fixture
def out(demo_guest: Guest, tmp_path: Path) -> Path:
    """A folder with the guest in it, built with PASSWORD, that the test may spoil."""
    return shutil.copytree(demo_guest.kernel.parent, tmp_path / "guest")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt has its package lists and reaches no source."""
    _apt_config(tmp_path, monkeypatch, NO_NETWORK)


def _apt_config(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "apt.conf").write_text(text)
    monkeypatch.setenv("APT_CONFIG", str(folder / "apt.conf"))


def _stamps(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in ("vmlinuz", "initrd.img", "guest.json")}


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BUILDER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)


@pytest.mark.usefixtures("offline")
def test_a_second_build_changes_nothing_and_is_done_at_once(out: Path) -> None:
    before, began = _stamps(out), time.monotonic()
    steps: list[str] = []
    guest = build(out, password=PASSWORD, progress=steps.append)
    assert time.monotonic() - began < promised(AGAIN_S)
    assert steps == ["the demo guest is up to date"]
    assert _stamps(out) == before
    assert guest == Guest(out / "vmlinuz", out / "initrd.img", guest.cmdline, "demo")


@pytest.mark.usefixtures("offline")
def test_another_password_needs_no_network(out: Path) -> None:
    before = (out / "initrd.img").read_bytes()
    build(out, password="another-one")
    after = (out / "initrd.img").read_bytes()
    assert before != after
    assert b"another-one" not in after
    build(out, password="another-one")
    assert (out / "initrd.img").read_bytes() == after


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["vmlinuz", "initrd.img", "guest.json"])
def test_a_damaged_or_missing_output_is_made_anew(out: Path, name: str) -> None:
    kernel = (out / "vmlinuz").read_bytes()
    shutil.copytree(out / "packages", out / "kept")
    (out / name).write_bytes(b"half a fi")
    if name == "guest.json":
        # Without it nothing is known of the packages either.
        with pytest.raises(GuestError, match="cannot be reached"):
            build(out, password=PASSWORD)
    else:
        build(out, password=PASSWORD)
        assert (out / "vmlinuz").read_bytes() == kernel
        (out / name).unlink()
        build(out, password=PASSWORD)
        assert (out / "vmlinuz").read_bytes() == kernel


@pytest.mark.soak
def test_force_fetches_again_and_leaves_no_old_package(out: Path) -> None:
    (out / "packages" / "linux-image-old_1_amd64.deb").write_bytes(b"old")
    build(out, password=PASSWORD, force=True)
    listed = {package["file"] for package in json.loads((out / "guest.json").read_bytes())["packages"]}
    assert {path.name for path in (out / "packages").iterdir()} == listed
    assert not list(out.glob(".vmlinuz*"))


def test_outputs_and_password_are_for_their_owner_alone(tmp_path: Path, out: Path) -> None:
    (out / "password").unlink(missing_ok=True)
    first = _run("--out", out, "--json")
    assert first.returncode == 0, first.stderr
    password = (out / "password").read_text().strip()
    assert len(password) >= 12
    assert password not in first.stdout + first.stderr
    for name in ("password", "initrd.img", "guest.json"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o600, name
    second = _run("--out", out, "--json")
    assert (out / "password").read_text().strip() == password
    assert "up to date" in second.stderr
    assert json.loads(second.stdout)["kernel"] == str(out / "vmlinuz")


@pytest.mark.usefixtures("offline")
def test_no_network(tmp_path: Path) -> None:
    done = _run("--out", tmp_path / "guest")
    assert done.returncode == 1
    assert "error: Downloading linux-image-" in done.stderr
    assert "remedy: The package source cannot be reached" in done.stderr


def test_no_package_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _apt_config(tmp_path, monkeypatch, f'Dir::State::lists "{tmp_path}/none"; Dir::Cache "{tmp_path}/none";')
    done = _run("--out", tmp_path / "guest")
    assert done.returncode == 1
    assert "error: apt knows no package linux-image-cloud-amd64" in done.stderr
    assert "remedy: Run `apt-get update` as root" in done.stderr


def test_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GuestError, match="program apt-cache is not on this machine"):
        build(tmp_path / "guest", password=PASSWORD)


def test_no_room(out: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        with pytest.raises(GuestError, match="no room") as refused:
            build(small / "guest", password=PASSWORD)
        assert "128 MiB" in refused.value.remedy
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("--out", tmp_path / "file" / "guest")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "remedy:" in done.stderr


@pytest.mark.parametrize("password", ["", "x" * 65, "tab\there", "pässword"])
def test_a_password_that_cannot_be_typed_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(GuestError, match="not usable"):
        build(tmp_path, password=password)


def test_the_password_file_is_read_to_the_end_of_its_first_line(out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{PASSWORD}\nanything else\n")
    done = _run("--out", out, "--password-file", tmp_path / "secret")
    assert "up to date" in done.stderr, done.stderr
    missing = _run("--out", out, "--password-file", tmp_path / "none")
    assert missing.returncode == 1
    assert "error: The password file cannot be used" in missing.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_needs_no_root(tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("there is no Python that another user may run")
    folder = Path("/tmp") / f"oob-nobody-{os.getpid()}"
    shutil.copytree(BUILDER.parent, folder / "guests", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        folder.chmod(0o755)
        out = folder / "out"
        out.mkdir()
        os.chown(out, 65534, 65534)
        command = [python, "-B", str(folder / "guests" / "build.py"), "--out", str(out)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
            cwd="/",
            user=65534,
            group=65534,
            extra_groups=[],
        )
        assert done.returncode == 0, done.stderr
        assert (out / "initrd.img").stat().st_uid == 65534
    finally:
        shutil.rmtree(folder)
