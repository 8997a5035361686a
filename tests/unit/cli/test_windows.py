"""The simulator of Windows' console is labelled wherever one of its VMs is shown."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.cli import windows
from outofband.core.paths import StateDir


def vm(program: str, **tags: str) -> dict[str, Any]:
    return {"properties": {"outofband": {"driver": "pty", "program": program}}, "tags": tags}


def test_what_is_labelled() -> None:
    assert all("not Windows" in windows.label(vm(name)) for name in windows.PROGRAMS)
    assert "not Windows" in windows.label(vm("renamed", **windows.TAGS))
    assert windows.label(vm("cat", simulator="other")) == ""
    assert windows.label({"properties": {}, "tags": None}) == ""


def test_a_host_offers_the_programs_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    state = StateDir(tmp_path / "state")
    assert windows.offer(state)
    assert not windows.offer(state)
    text = (state.agent / "agent.toml").read_text()
    assert text.count(windows.MODULE) == len(windows.PROGRAMS)
    assert 'WIN-SIM", "--no-ems"' in text
