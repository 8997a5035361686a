"""A run of tests goes to its end and says where it stood, although workers die; nothing of theirs runs on."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lines import Lines
from tests.support.wait import WAIT

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.conftest import (
    anyio_backend, pytest_configure, pytest_timeout_cancel_timer, pytest_timeout_set_timer,
    pytest_sessionfinish, pytest_xdist_make_scheduler,
)
"""
DIES = """
import os
import signal
import subprocess
from pathlib import Path

def test_before(): pass
def test_dies():
    left = subprocess.Popen(["sleep", "3600"], start_new_session=True, stdout=-3, stderr=-3)
    Path("left").write_text(str(left.pid))
    os.kill(os.getpid(), signal.SIGKILL)
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
    assert _ends(int((files / "left").read_text())), "what a killed worker had started runs on"


LEAVES = """
import threading

def stays(): threading.Event().wait()
def test_leaves_a_thread(): threading.Thread(target=stays).start()
"""


def test_a_thread_that_is_left_keeps_no_run_alive(tmp_path: Path) -> None:
    hurried = CONFTEST + "import tests.conftest\ntests.conftest.AFTER_SECONDS = 1.0\n"
    (tmp_path / "conftest.py").write_text(hurried)
    (tmp_path / "test_leaves.py").write_text(LEAVES)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "in stays" in ran.stderr


@pytest.mark.parametrize(
    ("does", "fault"), [("time.sleep(600)", "printed no line"), ("sys.exit(3)", "ended with 3")]
)
def test_a_child_that_says_nothing_more_is_told_of_with_its_words(does: str, fault: str) -> None:
    program = (
        f"import sys, time; print('one\\ntwo\\nha', end='', flush=True); sys.stderr.write('why'); {does}"
    )
    command = [sys.executable, "-u", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        lines = Lines(child)
        assert [lines.next(), lines.next()] == ["one", "two"]
        with pytest.raises(AssertionError, match=f"{fault}.*b'ha'\nwhy"):
            lines.next(1)


def _ends(pid: int) -> bool:
    try:
        left = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([left], [], [], WAIT)[0])
    finally:
        os.close(left)
