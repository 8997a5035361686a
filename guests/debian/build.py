"""Builds the Debian guest: `python guests/debian/build.py --out DIR`, or `build()` from Python.

Needs mmdebstrap and e2fsprogs; root, or a user with subordinate ids. Packages come from where this machine's
own apt takes them. Building again with the same recipe and password changes nothing; `--force` takes newer
packages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
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

from guests.debian import recipe
from guests.folder import check_password, locked, no_room, password_from, told_of_disks, write_whole
from guests.packages import ERROR_TEXT_MAX, GuestError, run_tool
from guests.password import hashed, matches

KERNEL_FILE: Final = "vmlinuz"
INITRD_FILE: Final = "initrd.img"
DISK_FILE: Final = "disk.img"
MANIFEST_FILE: Final = "guest.json"
FREE_SPACE_MIN: Final = 2 * 2**30  # bytes: the unpacked root and the disk beside each other
BUILD_TIMEOUT_S: Final = 1800
QUERY_TIMEOUT_S: Final = 60


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
    for program in ("mmdebstrap", "mke2fs"):
        if shutil.which(program) is None and not Path("/usr/sbin", program).exists():
            raise GuestError(
                f"The program {program} is not on this machine.", "Install mmdebstrap and e2fsprogs."
            )
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
    (scratch / "apt.conf").write_text(_reaching())
    for name in (KERNEL_FILE, INITRD_FILE, DISK_FILE, "versions"):
        (scratch / name).touch()
        (scratch / name).chmod(0o666)
    command = [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        "--variant=minbase",
        "--format=null",
        f"--include={','.join(packages)}",
        f"--aptopt={scratch / 'apt.conf'}",
        '--aptopt=Apt::Install-Recommends "false"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--customize-hook={recipe.CUSTOMIZE}",
        recipe.SUITE,
        "-",
        "-",
    ]
    settings = {
        "LC_ALL": "C",
        "OVERLAY": str(recipe.OVERLAY),
        "ACCOUNTS": str(accounts),
        "USERNAME": recipe.USERNAME,
        "SIZE": recipe.DISK_SIZE,
        "KERNEL": str(scratch / KERNEL_FILE),
        "INITRD": str(scratch / INITRD_FILE),
        "DISK": str(scratch / DISK_FILE),
        "VERSIONS": str(scratch / "versions"),
    }
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            command,
            input=_sources(),
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            env={**os.environ, **settings, "PATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise GuestError(f"mmdebstrap did not end within {BUILD_TIMEOUT_S} s.", "Try again.") from late
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        # What a step said before it failed stands before mmdebstrap's own "E:".
        said = " ".join(line for line in lines if not line.startswith("I:"))[-ERROR_TEXT_MAX:]
        raise GuestError(
            f"mmdebstrap ended with status {done.returncode}: {said}",
            "Run `apt-get update` and try again; without root, subordinate ids (/etc/subuid) are needed.",
        )
    return (scratch / "versions").read_text().splitlines()


def _sources() -> str:
    """This machine's own sources of the suite, one line each: the recipe names no mirror."""
    line = "deb $(SITE) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", line, "Created-By: Packages"]
    found = run_tool(command, timeout_s=QUERY_TIMEOUT_S).decode().splitlines()
    lines = [each for each in dict.fromkeys(found) if each.split()[2].startswith(recipe.SUITE)]
    if not lines:
        raise GuestError(
            f"apt has no sources of Debian's {recipe.SUITE} here.",
            "Build on Debian 12, after `apt-get update`.",
        )
    return "\n".join(lines) + "\n"


def _reaching() -> str:
    """How this machine's apt reaches its sources: proxies, certificates, retries."""
    dumped = run_tool(["apt-config", "dump"], timeout_s=QUERY_TIMEOUT_S).decode().splitlines()
    return "\n".join(line for line in dumped if line.startswith("Acquire::")) + "\n"


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
