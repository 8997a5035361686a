"""Builds the demo guest: `python guests/build.py --out DIR`, or `build()` from Python.

Needs no root: the packages are fetched by apt, unpacked in memory and never installed. Building again with
the same recipe, password and packages changes nothing and takes no time; `--force` looks for newer packages.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

if not __package__:
    # Run as a file: then sys.path starts with this folder, but the imports below are seen from its parent.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from guests import packages, recipe
from guests.folder import (
    PASSWORD_FILE,
    check_password,
    locked,
    no_room,
    password_from,
    told_of_disks,
    write_whole,
)
from guests.packages import GuestError, Package, file_sha256
from guests.password import hashed, matches

KERNEL_FILE: Final = "vmlinuz"
INITRD_FILE: Final = "initrd.img"
MANIFEST_FILE: Final = "guest.json"
PACKAGE_FOLDER: Final = "packages"

FREE_SPACE_MIN: Final = 128 * 2**20  # bytes: packages and outputs, twice while they are replaced


@dataclass(frozen=True)
class Guest:
    """A guest that was built: for QEMU's -kernel, -initrd and -append, and the account that can log in."""

    kernel: Path
    initrd: Path
    cmdline: str
    username: str


@dataclass(frozen=True)
class _Manifest:
    """What the outputs were made from and are; written last, so it never describes half a build."""

    key: str
    password_hash: str
    packages: list[Package]
    outputs: dict[str, str]

    @classmethod
    def read(cls, out: Path) -> _Manifest | None:
        try:
            fields = json.loads((out / MANIFEST_FILE).read_bytes())
            return cls(**{**fields, "packages": [Package(**entry) for entry in fields["packages"]]})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            # Missing, cut off or of another version: none of them says anything worth keeping.
            return None

    def describes(self, out: Path) -> bool:
        paths = {out / name: digest for name, digest in self.outputs.items()}
        return all(path.is_file() and file_sha256(path) == digest for path, digest in paths.items())


def build(
    out: Path, *, password: str, progress: Callable[[str], None] = lambda _: None, force: bool = False
) -> Guest:
    """Make sure that `out` holds the demo guest with this password for its accounts, and return it.

    Without `force`, packages that were fetched once stay in use, so nothing is asked of the network again.
    Builds into one folder wait for each other. Raises GuestError, which names the remedy.
    """
    check_password(password)
    guest = Guest(out / KERNEL_FILE, out / INITRD_FILE, recipe.CMDLINE, recipe.USERNAME)
    with told_of_disks(out, FREE_SPACE_MIN):
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            _refresh(out, password, progress, force)
    return guest


def _refresh(out: Path, password: str, progress: Callable[[str], None], force: bool) -> None:
    previous = _Manifest.read(out)
    if previous and matches(password, previous.password_hash):
        password_hash = previous.password_hash  # a new salt would mean a new guest
    else:
        password_hash = hashed(password)
    if previous and not force:
        key = _key(previous.packages, password_hash)
        if key == previous.key and previous.describes(out):
            progress("the demo guest is up to date")
            return

    if shutil.disk_usage(out).free < FREE_SPACE_MIN:
        raise no_room(out, FREE_SPACE_MIN)
    folder = out / PACKAGE_FOLDER
    if previous and not force and _usable(previous.packages, folder):
        used = previous.packages
    else:
        progress("looking up Debian's newest cloud kernel")
        kernel_name = packages.dependency(recipe.KERNEL_META, recipe.KERNEL_PATTERN)
        progress(f"fetching {kernel_name}, {recipe.BUSYBOX} and {recipe.AGENT} (33 MB)")
        used = packages.fetch([kernel_name, *recipe.PACKAGES], folder)

    progress("putting the guest together")
    kernel, busybox, agent, *_ = used
    files = recipe.KernelFiles.of_package(kernel.name)
    members = packages.read_members(folder / kernel.file, [files.image, *files.modules])
    programs = packages.read_members(folder / busybox.file, [recipe.BUSYBOX_PATH])
    programs |= packages.read_members(folder / agent.file, [recipe.AGENT_PATH])
    libraries = dict[str, bytes]()
    for package in used[3:]:
        libraries |= packages.read_libraries(folder / package.file, recipe.LIBRARIES[package.name])
    initrd = recipe.initramfs(
        busybox=programs[recipe.BUSYBOX_PATH],
        agent=programs[recipe.AGENT_PATH],
        libraries=libraries,
        modules={path.rpartition("/")[2]: members[path] for path in files.modules},
        password_hash=password_hash,
    )
    contents = {KERNEL_FILE: members[files.image], INITRD_FILE: initrd}
    outputs = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = _Manifest(_key(used, password_hash), password_hash, used, outputs)
    for name, content in contents.items():
        write_whole(out / name, content)
    write_whole(out / MANIFEST_FILE, json.dumps(asdict(manifest), indent=2).encode() + b"\n")
    progress(f"the demo guest is ready: {kernel.name} {kernel.version}, busybox {busybox.version}")


def _usable(used: list[Package], folder: Path) -> bool:
    # A manifest of another version of the recipe may list other packages than this one needs.
    return (
        bool(used)
        and re.fullmatch(recipe.KERNEL_PATTERN, used[0].name) is not None
        and [package.name for package in used[1:]] == list(recipe.PACKAGES)
        and all(package.intact_in(folder) for package in used)
    )


def _key(used: list[Package], password_hash: str) -> str:
    parts = [recipe.fingerprint(), password_hash, *(f"{p.name}={p.version} {p.sha256}" for p in used)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def main(argv: list[str] | None = None) -> int:
    """The command line: 0 when the guest is there, 1 with the reason on standard error when it is not."""
    parser = argparse.ArgumentParser(prog="guests/build.py", description="Build the demo guest.")
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder for kernel, initrd and packages")
    add(
        "--password-file",
        type=Path,
        metavar="FILE",
        help=f"its first line is the password of demo and root (default: DIR/{PASSWORD_FILE}, made up once)",
    )
    add("--force", action="store_true", help="look for newer packages and build again")
    add("--json", action="store_true", help="describe the guest on standard output as JSON")
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
    fields = {name: str(value) for name, value in asdict(guest).items()}
    if options.json:
        print(json.dumps(fields))
    else:
        print("\n".join(f"{name + ':':10}{value}" for name, value in fields.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
