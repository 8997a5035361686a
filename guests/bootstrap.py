"""Debian put together from packages by mmdebstrap, from where this machine's own apt takes them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from guests.packages import ERROR_TEXT_MAX, GuestError, run_tool

BUILD_TIMEOUT_S: Final = 1800
QUERY_TIMEOUT_S: Final = 60


def bootstrap(
    packages: Sequence[str],
    suite: str,
    target: str,
    *,
    scratch: Path,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> None:
    """Fill `target` with the packages and what they need. `scratch` is a folder for what apt is told.

    Raises GuestError, which names the remedy.
    """
    check_programs("mmdebstrap")
    (scratch / "apt.conf").write_text(reaching())
    command = [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        f"--aptopt={scratch / 'apt.conf'}",
        '--aptopt=Apt::Install-Recommends "false"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        *options,
        suite,
        target,
        "-",
    ]
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            command,
            input=sources(suite),
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            env={**os.environ, **(settings or {}), "LC_ALL": "C", "PATH": path},
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


def check_programs(*names: str) -> None:
    """Raises GuestError where one of them is not here."""
    for name in names:
        if shutil.which(name) is None and not Path("/usr/sbin", name).exists():
            raise GuestError(
                f"The program {name} is not on this machine.", "Install mmdebstrap and e2fsprogs."
            )


def sources(suite: str) -> str:
    """This machine's own sources of the suite, one line each: a recipe names no mirror."""
    line = "deb $(SITE) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", line, "Created-By: Packages"]
    found = run_tool(command, timeout_s=QUERY_TIMEOUT_S).decode().splitlines()
    lines = [each for each in dict.fromkeys(found) if each.split()[2].startswith(suite)]
    if not lines:
        raise GuestError(
            f"apt has no sources of Debian's {suite} here.",
            "Build on Debian 12, after `apt-get update`.",
        )
    return "\n".join(lines) + "\n"


def reaching() -> str:
    """How this machine's apt reaches its sources: proxies, certificates, retries."""
    dumped = run_tool(["apt-config", "dump"], timeout_s=QUERY_TIMEOUT_S).decode().splitlines()
    return "\n".join(line for line in dumped if line.startswith("Acquire::")) + "\n"
