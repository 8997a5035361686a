"""The archive as `cpio` itself reads it back."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from guests.archive import Archive

pytestmark = pytest.mark.skipif(
    shutil.which("cpio") is None, reason="there is no cpio to read the archive with"
)


def listing(archive: Archive) -> dict[str, list[str]]:
    """Name to the columns of `cpio -tvn`, which shows owners as numbers."""
    command = ["cpio", "-tvn", "--quiet"]
    read = subprocess.run(command, input=archive.to_bytes(), capture_output=True, check=True)
    rows = [line.split() for line in read.stdout.decode().splitlines()]
    return {row[-1]: row for row in rows}


def test_reads_back_as_written(tmp_path: Path) -> None:
    archive = Archive()
    archive.directory("home/demo", 0o700, owner=1000)
    archive.file("bin/tool", b"odd", 0o4755)
    archive.file("empty", b"")
    archive.symlink("sbin/tool", "../bin/tool")
    command = ["cpio", "-idm", "--quiet", "--no-preserve-owner"]
    subprocess.run(command, cwd=tmp_path, input=archive.to_bytes(), check=True)
    assert (tmp_path / "bin/tool").read_bytes() == b"odd"
    assert (tmp_path / "empty").read_bytes() == b""
    assert (tmp_path / "sbin/tool").readlink() == Path("../bin/tool")
    assert stat.S_IMODE((tmp_path / "home/demo").stat().st_mode) == 0o700


def test_owners_modes_and_devices_are_in_the_headers() -> None:
    archive = Archive()
    archive.directory("home/demo", 0o700, owner=1000)
    archive.file("bin/tool", b"odd", 0o4755)
    archive.character_device("dev/console", 5, 1)
    rows = listing(archive)
    assert list(rows) == ["home", "home/demo", "bin", "bin/tool", "dev", "dev/console"]
    assert rows["home/demo"][0] == "drwx------"
    assert rows["home/demo"][2:4] == ["1000", "1000"]
    assert rows["bin/tool"][0] == "-rwsr-xr-x"
    assert rows["dev/console"][0] == "crw-------"
    assert rows["dev/console"][4:6] == ["5,", "1"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/b").write_text("b")
    (tmp_path / "etc/a").write_text("a")
    (tmp_path / "etc/a").chmod(0o700)
    first, second = Archive(), Archive()
    first.tree(tmp_path)
    (tmp_path / "etc/b").chmod(0o600)  # only the execute bit counts
    second.tree(tmp_path)
    assert first.to_bytes() == second.to_bytes()
    assert [row[0] for row in listing(first).values()] == ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"]


def test_a_path_is_added_once() -> None:
    archive = Archive()
    archive.file("etc/motd", b"one")
    with pytest.raises(ValueError, match="etc/motd"):
        archive.file("etc/motd", b"two")
