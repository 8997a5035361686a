"""Builds the Debian guest: `python guests/debian/build.py --out DIR`, or `build()` from Python.

Needs mmdebstrap and e2fsprogs; root, or a user with subordinate ids. Packages come from where this machine's
own apt takes them. Building again with the same recipe and password changes nothing; `--force` takes newer
packages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

if not __package__:
    # Run as a file: then sys.path starts with this folder, but the imports below are seen from the one above.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from guests.bootstrap import bootstrap, check_programs
from guests.debian import recipe
from guests.folder import check_password, locked, no_room, password_from, told_of_disks, write_whole
from guests.packages import GuestError
from guests.password import hashed, matches

KERNEL_FILE: Final = "vmlinuz"
INITRD_FILE: Final = "initrd.img"
DISK_FILE: Final = "disk.img"
MANIFEST_FILE: Final = "guest.json"
FREE_SPACE_MIN: Final = 2 * 2**30  # bytes: the unpacked root and the disk beside each other


@dataclass(frozen=True)
class DebianGuest:
    """A guest that was built: for QEMU's -kernel, -initrd, -append and a virtio disk, and who can log in."""

    kernel: Path
    initrd: Path
    disk: Path
    cmdline: str
    username: str


@dataclass(frozen=True)
class _Manifest:
    """What was made, from what; written last, so it never describes half a build. `outputs`: bytes of each
    file.
    """

    recipe: str
    password_hash: str
    packages: list[str]
    outputs: dict[str, int]
    seconds: float

    @classmethod
    def read(cls, out: Path) -> _Manifest | None:
        try:
            return cls(**json.loads((out / MANIFEST_FILE).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def describes(self, out: Path) -> bool:
        return all(
            (out / name).is_file() and (out / name).stat().st_size == size
            for name, size in self.outputs.items()
        )


def build(
    out: Path,
    *,
    password: str,
    packages: Sequence[str] = recipe.PACKAGES,
    progress: Callable[[str], None] = lambda _: None,
    force: bool = False,
) -> DebianGuest:
    """Make sure that `out` holds the Debian guest with this password for its accounts, and return it.

    `packages` replaces the recipe's own, for a guest with another kernel or with more in it.
    Builds into one folder wait for each other. Raises GuestError, which names the remedy.
    """
    check_password(password)
    guest = DebianGuest(
        out / KERNEL_FILE, out / INITRD_FILE, out / DISK_FILE, recipe.CMDLINE, recipe.USERNAME
    )
    with told_of_disks(out, FREE_SPACE_MIN):
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            _refresh(out, password, packages, progress, force)
    return guest


def _refresh(
    out: Path, password: str, packages: Sequence[str], progress: Callable[[str], None], force: bool
) -> None:
    known, fingerprint = _Manifest.read(out), recipe.fingerprint(packages)
    same = known is not None and known.recipe == fingerprint and matches(password, known.password_hash)
    if known is not None and same and not force and known.describes(out):
        progress("the Debian guest is up to date")
        return
    check_programs("mmdebstrap", "mke2fs")
    if shutil.disk_usage(out).free < FREE_SPACE_MIN:
        raise no_room(out, FREE_SPACE_MIN)
    progress("putting Debian together (90 MB of packages; a minute or two)")
    began = time.monotonic()
    password_hash = hashed(password)
    # Beside the outputs, so that each moves into its place at once; open to the ids of a user namespace.
    with tempfile.TemporaryDirectory(dir=out, prefix=".build-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o711)
        versions = _bootstrap(scratch, password_hash, packages)
        names = (KERNEL_FILE, INITRD_FILE, DISK_FILE)
        outputs = {name: (scratch / name).stat().st_size for name in names}
        for name in names:
            (scratch / name).chmod(0o600)
            (scratch / name).replace(out / name)
    seconds = round(time.monotonic() - began, 1)
    manifest = _Manifest(fingerprint, password_hash, versions, outputs, seconds)
    write_whole(out / MANIFEST_FILE, json.dumps(asdict(manifest), indent=2).encode() + b"\n")
    taken = sum((out / name).stat().st_blocks * 512 for name in outputs) // 2**20
    progress(f"the Debian guest is ready after {seconds:.0f} s: {len(versions)} packages, {taken} MiB")


def _bootstrap(scratch: Path, password_hash: str, packages: Sequence[str]) -> list[str]:
    """Run mmdebstrap, which fills the files in `scratch`; the packages with their versions."""
    accounts = scratch / "accounts"
    accounts.write_text("".join(f"{name}:{password_hash}\n" for name in ("root", recipe.USERNAME)))
    for name in (KERNEL_FILE, INITRD_FILE, DISK_FILE, "versions"):
        (scratch / name).touch()
        (scratch / name).chmod(0o666)
    settings = {
        "OVERLAY": str(recipe.OVERLAY),
        "ACCOUNTS": str(accounts),
        "USERNAME": recipe.USERNAME,
        "SIZE": recipe.DISK_SIZE,
        "KERNEL": str(scratch / KERNEL_FILE),
        "INITRD": str(scratch / INITRD_FILE),
        "DISK": str(scratch / DISK_FILE),
        "VERSIONS": str(scratch / "versions"),
    }
    bootstrap(
        packages,
        recipe.SUITE,
        "-",
        scratch=scratch,
        options=("--format=null", f"--customize-hook={recipe.CUSTOMIZE}"),
        settings=settings,
    )
    return (scratch / "versions").read_text().splitlines()


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when the guest is there, 1 with the reason on standard error when it is not."""
    parser = argparse.ArgumentParser(prog="guests/debian/build.py", description="Build the Debian guest.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for kernel and disk")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    parser.add_argument("--force", action="store_true", help="take newer packages and build again")
    options = parser.parse_args(argv)
    out = options.out.resolve()
    try:
        password = password_from(options.password_file, out)
        guest = build(
            out, password=password, progress=lambda step: print(step, file=sys.stderr), force=options.force
        )
    except GuestError as failed:
        print(f"error: {failed.message}\nremedy: {failed.remedy}", file=sys.stderr)
        return 1
    print("\n".join(f"{name + ':':10}{value}" for name, value in asdict(guest).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
