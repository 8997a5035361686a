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
OURS = ("outofband", "by Azure's protocol", "C relay")
PEERS = {
    "conserver": "/usr/sbin/conserver",
    "conman": "/usr/sbin/conmand",
    "websockify": "/usr/bin/websockify",
}
"""Taken along where they are installed."""


@pytest.mark.skipif(not shutil.which("gcc"), reason="the guests of the benchmarks are compiled with gcc")
@pytest.mark.skipif(not shutil.which("taskset"), reason="the benchmarks pin their processes")
def test_a_small_run_loses_nothing(tmp_path: Path) -> None:
    systems = [*OURS, *(name for name, program in PEERS.items() if Path(program).exists())]
    command = [ROOT / "bench/run", "--quick", "--sessions", str(SESSIONS), "--seconds", "1"]
    command += ["--systems", ",".join(systems)]
    done = subprocess.run(
        [*command, "--only", "keys", "--dir", tmp_path, "--results", tmp_path / "results"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = (tmp_path / "results").iterdir()
    found = json.loads(results.read_text())["rounds"][0]
    assert found.keys() == set(systems)
    for system, figures in found.items():
        assert figures["keys"]["keys"] >= SESSIONS, system
        assert figures["keys"]["lost_keys"] == figures["keys"]["wrong_consoles"] == 0, system
        assert figures["keys"]["delivered"] == 1, system
    assert "key, busy sessions, p99" in done.stdout
    assert not list(tmp_path.glob("oob-bench-*"))
