"""Conversations of Azure's Python SDKs with a house, in the environment that has them (`sdk_talks.py`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.az import PYTHON, Clients
from tests.peers.house import COMMAND_SECONDS, House

TALKS = Path(__file__).with_name("sdk_talks.py")


class Talks:
    def __init__(self, house: House, azure: Clients) -> None:
        profile = house.profile()
        self.env = azure.env
        self.about = {
            "arm": profile["arm"],
            "tenant": profile["tenantId"],
            "client": profile["clientId"],
            "secret": Path(profile["clientSecretFile"]).read_text().strip(),
            "subscription": profile["subscriptionId"],
        }

    def python(self, *words: str, given: str = "", **env: str) -> str:
        done = subprocess.run(
            [str(PYTHON), *words],
            env=self.env | env,
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def __call__(self, name: str) -> Any:
        return json.loads(self.python(str(TALKS), name, given=json.dumps(self.about)))
