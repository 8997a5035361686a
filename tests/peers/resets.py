"""`reset_remote` in a Linux of its own: a jail, the words that run the step and its undo there."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.wire.remote import Protocol
from outofband.wire.steps import linux_undo
from outofband.wire.steps.linux import reset_remote
from outofband.wire.steps.report import StepReport, System
from tests.peers.jail import Jail

BOTH = (Protocol.SSH, Protocol.RDP)


@pytest.fixture
def jail(tmp_path: Path) -> Jail:
    return Jail(tmp_path)


def reset(jail: Jail, run: str = "r1", user: str | None = None, *, only_look: bool = False) -> str:
    return jail.put("reset", reset_remote(BOTH, run, user=user, only_look=only_look))


def undo(jail: Jail, run: str = "r1") -> str:
    found = StepReport(step="resetRemote", system=System.LINUX, before={}, after={}, run=run)
    return jail.put("undo", linux_undo.undo(found))


def sections(output: str) -> list[str]:
    return output.split("-----\n")
