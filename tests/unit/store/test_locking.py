"""Where SQLite may live, read from mount tables as kernels print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.core.errors import Fault
from outofband.store.locking import ProcessLock, refuse_network_filesystem

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / {share} rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2
31 30 0:27 / {share}/local rw shared:3 - tmpfs tmpfs rw
32 22 0:28 / {share}\\040two rw shared:4 - fuse.sshfs me@server: rw
33 22 0:29 / {twice} rw shared:5 - cifs //server/x rw
34 22 0:30 / {twice} rw shared:6 - xfs /dev/vdb rw
"""


def table(root: Path) -> str:
    return MOUNTS.format(share=root / "share", twice=root / "twice")


@pytest.mark.parametrize(("place", "kind"), [("share/state", "nfs4"), ("share two/x", "fuse.sshfs")])
def test_network_filesystems_are_refused(tmp_path: Path, place: str, kind: str) -> None:
    with pytest.raises(Fault, match="StoreOnNetworkFilesystem") as caught:
        refuse_network_filesystem(tmp_path / place, table(tmp_path))
    assert caught.value.fields["fs"] == kind


@pytest.mark.parametrize("place", ["", "share/local/state", "sharex", "twice/state"])
def test_local_ones_are_not(tmp_path: Path, place: str) -> None:
    refuse_network_filesystem(tmp_path / place, table(tmp_path))


def test_a_link_into_a_network_filesystem_is_seen(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    with pytest.raises(Fault):
        refuse_network_filesystem(tmp_path / "link", table(tmp_path))


def test_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    first, second = ProcessLock(tmp_path / "db"), ProcessLock(tmp_path / "db")
    first.acquire()
    with pytest.raises(Fault, match="StoreInUse"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()
