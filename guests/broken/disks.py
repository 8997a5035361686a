"""File systems that are changed or damaged without being mounted: copies of Debian's disk, and small ones."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from guests.packages import ToolError, run_tool

TIMEOUT_S: Final = 120
BLOCK: Final = 4096
MIB: Final = 2**20


def _tool(name: str) -> str:
    return shutil.which(name) or f"/usr/sbin/{name}"


class Ext4:
    """An ext4 file system in the file `path`, worked on with debugfs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def made(cls, path: Path, mib: int, *options: str) -> Ext4:
        """A new, empty one."""
        with path.open("wb") as disk:
            disk.truncate(mib * MIB)
        run_tool([_tool("mke2fs"), "-q", "-F", "-t", "ext4", *options, str(path)], timeout_s=TIMEOUT_S)
        return cls(path)

    @classmethod
    def copied(cls, source: Path, path: Path) -> Ext4:
        """A copy whose holes stay holes."""
        run_tool(["cp", "--sparse=always", "--reflink=auto", str(source), str(path)], timeout_s=TIMEOUT_S)
        return cls(path)

    def do(self, *requests: str) -> str:
        """Requests in debugfs' own language, all in one go; what it said."""
        done = subprocess.run(
            [_tool("debugfs"), "-w", "-f", "-", str(self.path)],
            input="\n".join(requests) + "\n",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise ToolError("debugfs", f"ended with status {done.returncode}", done.stderr[-400:])
        return done.stdout

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Put a file of root's in place of what is there; its folders are made."""
        data = content.encode() if isinstance(content, str) else content
        folders = [str(parent) for parent in reversed(Path(path).parents)][1:]
        with tempfile.NamedTemporaryFile() as source:
            source.write(data)
            source.flush()
            # Making a folder that is there and removing a file that is not only make debugfs grumble.
            made = [f"mkdir {folder}" for folder in folders]
            request = [f"rm {path}", f"write {source.name} {path}", f"sif {path} mode {0o100000 | mode:#o}"]
            self.do(*made, *request, f"sif {path} uid 0", f"sif {path} gid 0")

    def remove(self, path: str) -> None:
        """Take a file or a link away."""
        self.do(f"rm {path}")

    def enable(self, unit: str, content: str, target: str = "multi-user.target") -> None:
        """A systemd unit that starts with `target`."""
        self.write(f"/etc/systemd/system/{unit}", content)
        wants = f"/etc/systemd/system/{target}.wants"
        self.do(f"mkdir {wants}", f"symlink {wants}/{unit} ../{unit}")

    def share_blocks(self, count: int = 1) -> None:
        """Files that lie in the same blocks, and a mark that the file system needs a check: no repair without
        asking can be right.
        """
        for number in range(count):
            first, second = f"/srv/first{number}", f"/srv/second{number}"
            self.write(first, b"a" * BLOCK * 3)
            self.write(second, b"b" * BLOCK * 3)
            self.do(f"copy_inode {first} {second}")
        self.do("set_super_value state 2")

    def spoil_folder(self, path: str, name: str = "x") -> None:
        """A folder whose block is rubbish: the kernel notices when somebody looks into it."""
        self.write(f"{path}/{name}", "something\n")
        self.do(f"zap_block -f {path} -p 0x5a 0")

    def fill(self, *, leave: int = 0) -> int:
        """Take every free block but `leave`; how many were taken."""
        free = self.free_blocks()
        taken = max(0, free - leave)
        # Holes are no good here: every block is written.
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as filler:
            filler.write(b"\xaa" * BLOCK * taken)
            filler.flush()
            self.do(f"write {filler.name} /filler")
        return taken

    def free_blocks(self) -> int:
        """Free blocks of 4 KiB, the reserved ones included."""
        return self._counted("Free blocks:")

    def _counted(self, what: str) -> int:
        for line in self.do("show_super_stats -h").splitlines():
            if line.startswith(what):
                return int(line.split(":")[1])
        raise ToolError("debugfs", f"does not tell: {what}", "")


def blank(path: Path, mib: int = 8) -> Path:
    """A disk with nothing on it."""
    with path.open("wb") as disk:
        disk.truncate(mib * MIB)
    return path
