"""`oob` on a whole control plane in this process: what it prints, and its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from outofband.cli import main
from outofband.client import background
from outofband.core import secrets
from outofband.core.paths import StateDir
from tests.support.cloud import GROUP, SUBSCRIPTION, Person


def within(words: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return main.run(words), out.getvalue(), err.getvalue()


async def _apart(words: list[str]) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "outofband.cli", *words]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(child.communicate(), 120)
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


class Oob:
    """`oob` on a state directory, in this process: its output and its exit code."""

    def __init__(self, person: Person, root: Path) -> None:
        self.state = StateDir(root)
        cloud = person.cloud
        self.state.root.mkdir(mode=0o700, exist_ok=True)
        secrets.write_private(self.state.client / "secret", person.secret)
        profile = {
            "arm": cloud.base,
            "gateway": f"wss://127.0.0.1:{cloud.ports['gateway']}",
            "caFile": str(cloud.pki.trust),
            "tenantId": person.tenant,
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": GROUP,
            "clientId": person.app_id,
            "clientSecretFile": str(self.state.client / "secret"),
        }
        secrets.write_private(self.state.profile, msgspec.json.encode(profile))

    async def __call__(self, line: str, code: int = 0) -> tuple[str, str]:
        words = [*line.split(), "--state", str(self.state.root)]
        # A console sets up the process's logging and signals: that stays out of this process.
        ended, out, err = await (_apart(words) if words[0] == "console" else background.call(within, words))
        assert ended == code, (line, ended, out, err)
        return out, err

    async def json(self, line: str, code: int = 0) -> Any:
        """The value of the result, or of the error when one is expected."""
        out, err = await self(f"{line} -o json", code)
        try:
            if code and not out:
                return json.loads(err)["error"]
            assert err == ""
            return json.loads(out)
        except json.JSONDecodeError as error:
            raise AssertionError(f"no JSON object alone: {line}: {out!r}, {err!r}") from error
