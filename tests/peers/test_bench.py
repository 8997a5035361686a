"""The benchmarks run, and what they count adds up; how fast things are is not asked here."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parents[2]
SESSIONS = 5


@pytest.mark.skipif(not shutil.which("gcc"), reason="the guests of the benchmarks are compiled with gcc")
@pytest.mark.skipif(not shutil.which("taskset"), reason="the benchmarks pin their processes")
def test_a_small_run_loses_nothing(tmp_path: Path) -> None:
    command = [ROOT / "bench/run", "--quick", "--sessions", str(SESSIONS), "--seconds", "1"]
    if not Path("/usr/sbin/conserver").exists():
        command.append("--alone")
    done = subprocess.run(
        [*command, "--only", "keys", "--dir", tmp_path, "--results", tmp_path / "results"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = (tmp_path / "results").iterdir()
    for system, figures in json.loads(results.read_text())["rounds"][0].items():
        assert figures["keys"]["keys"] >= SESSIONS, system
        assert figures["keys"]["lost_keys"] == figures["keys"]["wrong_consoles"] == 0, system
        assert figures["keys"]["delivered"] == 1, system
    assert "key, busy sessions, p99" in done.stdout
    assert not list(tmp_path.glob("oob-bench-*"))
