"""A run of tests goes to its end and says where it stood, although workers die under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.conftest import (
    anyio_backend, pytest_configure, pytest_timeout_cancel_timer, pytest_timeout_set_timer,
    pytest_xdist_make_scheduler,
)
"""
DIES = """
import os
import signal

def test_before(): pass
def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
def test_after(): pass
"""
HANGS = """
import anyio
import pytest

async def waits_for_nothing(): await anyio.sleep(1000)

@pytest.mark.anyio
async def test_hangs(): await waits_for_nothing()
def test_after(): pass
"""
PASSES = "import pytest\n@pytest.mark.parametrize('number', range({}))\ndef test_it(number): pass\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    # The longest files begin: those that end a worker are met in the middle, and at the very end.
    for name, text in {
        "first": PASSES.format(5),
        "second": PASSES.format(4),
        "dies": DIES,
        "hangs": HANGS,
        "short": PASSES.format(1),
        "dies_last": "import os\ndef test_dies(): os._exit(1)\n",
    }.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    return tmp_path


def test_a_run_goes_on_when_workers_die(files: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist=loadfile"]
    ran = subprocess.run(
        [*words, "-o", "timeout=15", "-o", "anyio_mode=strict", str(files)],
        cwd=files,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "3 failed, 13 passed" in ran.stdout, ran.stdout + ran.stderr
    for name in ("test_dies.py::test_dies", "test_hangs.py::test_hangs", "test_dies_last.py::test_dies"):
        assert f"crashed while running '{name}'" in ran.stdout
    assert "test_hangs has not ended in 15 s" in ran.stderr
    assert "in waits_for_nothing" in ran.stderr
