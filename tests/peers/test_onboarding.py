"""A server brought here by its onboarding script and taken away, for real, in namespaces of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SYSTEM = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Users without rights get through it, which pytest's own folders do not allow."""
    made = Path(tempfile.mkdtemp(prefix="oob-onboarding-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.skipif(
    not SYSTEM.exists(), reason=f"{SYSTEM}: what the package was made for is not there for all"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces, users and mounts")
def test_a_server_comes_and_goes(folder: Path) -> None:
    """See onboarded.py for the steps."""
    apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*apart, sys.executable, "-m", "tests.peers.onboarded", str(folder)],
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-12000:]}"
    assert done.stdout.endswith("all of it\n")
