"""Service logs: on standard error, a line an event, and never a secret."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from outofband.net import logs
logs.configure(json={json})
log = structlog.get_logger("x")
log.info("link.open", node="n1", token="swordfish", clientSecret="swordfish")
log.debug("unseen")
try:
    hidden = "swordfish"
    raise ValueError("told")
except ValueError:
    log.exception("defect")
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_are_not_written(as_json: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(json=as_json)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "link.open" in done.stderr and "told" in done.stderr and "n1" in done.stderr
    assert "unseen" not in done.stderr
    assert "swordfish" not in done.stderr
    if as_json:
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert [event["event"] for event in events] == ["link.open", "defect"]
        assert events[0]["token"] == "***" and events[0]["level"] == "info"


SILENT = """
import asyncio
import logging
import structlog
from outofband.net import logs
logs.silence()
structlog.get_logger("x").error("task.failed", exc_info=ValueError("told"))
logging.getLogger("asyncio").error("a connection was broken")

async def main():
    asyncio.get_running_loop().call_exception_handler({"message": "told"})

asyncio.run(main())
"""


def test_nothing_is_written_beside_an_object_of_json() -> None:
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
