"""What `oob up` adds to agent.toml stands beside what the administrator wrote, and never in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.agent.config import Program, add_program, load
from outofband.core.errors import Fault


def test_a_program_is_added_once(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text('# mine\n[programs.own]\ncommand = ["cat"]\n')
    wanted = ["python", "-m", "x", 'with "quotes" and ü']
    assert add_program(path, "win-sim", Program(command=wanted))
    assert not add_program(path, "win-sim", Program(command=["other"]))
    assert not add_program(path, "own", Program(command=["other"]))
    found = load(path).programs
    assert (found["win-sim"].command, found["own"].command) == (wanted, ["cat"])
    assert path.read_text().startswith("# mine\n")


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="AgentConfigInvalid"):
        add_program(tmp_path / "agent.toml", 'a"b', Program(command=["cat"]))
