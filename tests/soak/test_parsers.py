"""Every parser fuzzed with coverage, for a bounded time and memory each: no defect, no hang.

`OOB_SOAK_FUZZ_SECONDS` says how long each (default 20). Prints what was done.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parsers import ENTRIES

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".atheris" / "bin" / "python"
SECONDS = int(os.environ.get("OOB_SOAK_FUZZ_SECONDS", "20"))
MEMORY_MIB = 768
"""With interpreter, libraries and libFuzzer's own tables, which take some 150 of it."""
HANG_SECONDS = 10
"""For a single input: thousands of times what one takes."""
MOST_BYTES = 4096


@pytest.mark.parametrize("name", ENTRIES)
def test_nothing_breaks_it(name: str, tmp_path: Path) -> None:
    assert PROGRAM.exists(), "no environment .atheris: run scripts/apart.sh atheris"
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    # Our libraries come from the environment of this test: the same interpreter's, so they fit.
    packages = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(_is_packages, sys.path)])
    ran = subprocess.run(
        [
            *(str(PROGRAM), "-m", "tests.soak.fuzz_entry", name, str(corpus)),
            *(f"-max_total_time={SECONDS}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}"),
            *(f"-max_len={MOST_BYTES}", f"-artifact_prefix={tmp_path}/", "-print_final_stats=1", "-seed=1"),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": packages},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS * 10 + 120,
        check=False,
    )
    found = [each.read_bytes()[:MOST_BYTES] for each in tmp_path.iterdir() if each.is_file()]
    assert ran.returncode == 0, (found, ran.stdout[-3000:], ran.stderr[-3000:])
    runs = int(re.search(r"number_of_executed_units: (\d+)", ran.stderr)[1])  # type: ignore[index]
    peak = int(re.search(r"peak_rss_mb: +(\d+)", ran.stderr)[1])  # type: ignore[index]
    covered = re.findall(r"cov: (\d+)", ran.stderr)
    assert runs > 0 and covered, ran.stderr[-3000:]
    print(f"\n{name}: {runs} inputs, {covered[-1]} edges, {peak} MiB at most")


def _is_packages(path: str) -> bool:
    return path.endswith("site-packages")
