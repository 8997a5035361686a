"""The lock of the one runner of a system."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from outofband.agent.install import runner


def test_who_only_asks_keeps_no_runner_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "himdsd.pid"
    asking = runner._locked(path)
    assert asking is not None
    threading.Timer(0.1, os.close, (asking,)).start()
    lock = runner._kept_lock(path)
    assert lock is not None
    os.pwrite(lock, b"42\n", 0)
    assert runner.running(path) == 42
    os.close(lock)
    assert runner.running(path) is None


def test_there_is_one_runner(tmp_path: Path) -> None:
    path = tmp_path / "himdsd.pid"
    lock = runner._kept_lock(path)
    assert lock is not None
    assert runner._kept_lock(path) is None
    os.close(lock)
