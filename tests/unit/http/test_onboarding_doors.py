"""The onboarding script and the agent's package at the edge."""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from outofband import __version__
from tests.support.cloud import SUBSCRIPTION, TENANT, Cloud

pytestmark = pytest.mark.anyio
WISH = {"subscription": SUBSCRIPTION, "resourceGroup": "lab"}


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def test_a_script_and_the_package_it_names(cloud: Cloud, tmp_path: Path) -> None:
    made = await cloud.owner.ask("POST", "/fleet/onboarding", WISH | {"resourceName": "web1"}, version=None)
    assert made.status_code == 200
    told = made.json()
    text: str = told["script"]
    assert told["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert f"TENANT={TENANT}" in text and f"SUBSCRIPTION={SUBSCRIPTION}" in text and "NAME=web1\n" in text
    assert f"FINGERPRINT={told['fingerprint']}" in text and "MODE=one\n" in text
    again = await cloud.owner.ask("POST", "/fleet/onboarding", WISH | {"many": True}, version=None)
    assert again.json()["package"] == told["package"]
    assert "MODE=many\n" in again.json()["script"]

    package = await cloud.http.get(told["package"]["path"])
    assert package.status_code == 200
    assert len(package.content) == told["package"]["size"]
    assert hashlib.sha256(package.content).hexdigest() == told["package"]["sha256"]
    with tarfile.open(fileobj=io.BytesIO(package.content)) as archive:
        archive.extractall(tmp_path, filter="data")
    [own] = (tmp_path / "wheels").glob(f"outofband-{__version__}-*.whl")
    with zipfile.ZipFile(own) as wheel:
        assert wheel.testzip() is None
        assert "outofband/agent/himds.py" in wheel.namelist()
    # pip takes them, with every hash, and needs nothing else.
    [pip] = (tmp_path / "wheels").glob("pip-*.whl")
    command = [sys.executable, "-I", f"{pip}/pip", "install", "--no-index", "--find-links", "wheels"]
    command += ["--require-hashes", "-r", "requirements.txt", "--target", "there", "--no-compile", "-q"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=120)
    said = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            "-S",
            "-c",
            "import outofband.cli.main, outofband.agent.himds as h; print(h.__file__)",
        ],
        cwd=tmp_path / "there",
        env={"PYTHONPATH": str(tmp_path / "there")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.startswith(str(tmp_path / "there"))


async def test_refusals(cloud: Cloud) -> None:
    assert (await cloud.http.post("/fleet/onboarding", json=WISH)).status_code == 401
    for wrong in ({}, WISH | {"resourceGroup": ""}, WISH | {"proxy": "a\nb"}, WISH | {"system": "beos"}, []):
        answer = await cloud.owner.ask("POST", "/fleet/onboarding", wrong, version=None)
        assert answer.status_code == 400, wrong
    missing = await cloud.http.get("/fleet/packages/other.tar")
    assert (missing.status_code, code(missing)) == (404, "PackageUnknown")
