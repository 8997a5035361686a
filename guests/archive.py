"""The cpio archive a Linux kernel unpacks as its first root file system ("newc" format, initramfs)."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# Documentation/driver-api/early-userspace/buffer-format.rst: magic, then thirteen fields of eight hex digits.
_MAGIC: Final = b"070701"
_TRAILER: Final = "TRAILER!!!"
_ALIGN: Final = 4


@dataclass
class Archive:
    """Entries of one archive, in the order they were added; every method takes paths relative to the root.

    Owners and device nodes are only numbers in the headers, so no privilege is needed to write them.
    Every entry carries the one time `mtime` (seconds since the epoch): equal inputs give equal bytes.
    """

    mtime: int = 0
    _chunks: list[bytes] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def directory(self, path: str, mode: int = 0o755, *, owner: int = 0) -> None:
        """Add a directory and its missing parents (root's, 0755); one that is there already is left alone."""
        if path in self._seen:
            return
        self._parents(path)
        self._entry(path, stat.S_IFDIR | mode, owner=owner)

    def file(self, path: str, data: bytes, mode: int = 0o644, *, owner: int = 0) -> None:
        """Add a regular file of the given content."""
        self._parents(path)
        self._entry(path, stat.S_IFREG | mode, data, owner=owner)

    def symlink(self, path: str, target: str) -> None:
        """Add a symbolic link that points to `target`."""
        self._parents(path)
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a character device node."""
        self._parents(path)
        self._entry(path, stat.S_IFCHR | mode, device=(major, minor))

    def tree(self, source: Path) -> None:
        """Add every file below `source` as root's; only the execute bit of a file's mode is kept."""
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            if path.is_dir():
                self.directory(name)
            else:
                # A checkout's other permission bits follow the user's umask, not the recipe.
                self.file(name, path.read_bytes(), 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)

    def to_bytes(self) -> bytes:
        """The whole archive, with its trailer."""
        return b"".join(self._chunks) + self._encode(_TRAILER, 0, b"", 0, (0, 0), inode=0)

    def _parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent:
            self.directory(parent)

    def _entry(
        self, path: str, mode: int, data: bytes = b"", *, owner: int = 0, device: tuple[int, int] = (0, 0)
    ) -> None:
        if path in self._seen:
            raise ValueError(f"{path} is in the archive already")
        self._seen.add(path)
        self._chunks.append(self._encode(path, mode, data, owner, device, inode=len(self._seen)))

    def _encode(
        self, path: str, mode: int, data: bytes, owner: int, device: tuple[int, int], *, inode: int
    ) -> bytes:
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, owner, owner, links, self.mtime, len(data), 0, 0, *device, len(name), 0)
        header = _MAGIC + b"".join(b"%08x" % value for value in fields)
        return _padded(header + name) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGN)
