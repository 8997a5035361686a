"""Debian's Chromium as a person's browser: its only authorities of our making are those that it is told of.

Nothing here ignores a certificate error. A browser that is to trust a control plane has the authority in the
NSS database of its HOME, as a person's has after `oob trust`; one that is not shows its warning.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from playwright.async_api import Browser, Playwright

FLAGS = (
    "--no-sandbox",  # tests run as root too
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_WEBGL = "--disable-3d-apis"
"""The terminal then draws with elements, whose text a test can read."""


def program() -> str:
    """Chromium's path; AssertionError where it is not installed (scripts/bootstrap.sh test installs it)."""
    found = shutil.which("chromium")
    assert found, "no chromium in PATH: scripts/bootstrap.sh test"
    return found


def trust(home: Path, authority: Path) -> None:
    """Let browsers with this HOME trust the certificates in a PEM file for web sites."""
    folder = home / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    database = f"sql:{folder}"
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    for number, pem in enumerate(_each(authority.read_text())):
        add = ["certutil", "-A", "-d", database, "-n", f"outofband {number}", "-t", "C,,"]
        subprocess.run(add, input=pem, text=True, check=True)


async def start(playwright: Playwright, home: Path, *more: str) -> Browser:
    """A headless browser with a new, empty profile of its own; `more` are words for its command line."""
    environment: dict[str, str | float | bool] = {
        name: value for name, value in os.environ.items() if not name.startswith("XDG_")
    }
    return await playwright.chromium.launch(
        executable_path=program(), headless=True, args=[*FLAGS, *more], env=environment | {"HOME": str(home)}
    )


def _each(bundle: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [part + end for part in bundle.split(end) if "BEGIN CERTIFICATE" in part]
