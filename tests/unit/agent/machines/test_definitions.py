"""Definitions: narrow at the door, whole on disk."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.agent.machines import definitions
from outofband.agent.machines.definitions import Condition
from outofband.core.errors import Fault
from outofband.wire.machine import MachineDefinition, PortDefinition, Power

VM = "0b1f3a52-6c1d-4c55-9d6a-0f5b0c2f7e11"
ARGS: dict[str, Any] = {"vm": VM, "name": "demo", "driver": "qemu", "image": "demo"}


def test_a_definition_travels_as_plain_values() -> None:
    whole = ARGS | {"epoch": 3, "memory_mib": 512, "cpus": 2, "ports": [{"name": "0"}, {"name": "1"}]}
    definition = definitions.parse(VM, whole)
    assert definition.epoch == 3
    assert definition.ports == (PortDefinition(name="0"), PortDefinition(name="1"))


def test_ids_are_compared_and_kept_in_lower_case() -> None:
    definition = definitions.parse(VM, ARGS | {"vm": VM.upper()})
    assert definition.vm == VM


@pytest.mark.parametrize(
    "change",
    [
        {"vm": "../../../etc"},
        {"vm": VM.replace("-", "")},
        {"vm": "{" + VM + "}"},
        {"name": ""},
        {"name": "a,b=c"},
        {"name": "-daemonize"},
        {"name": "a/b"},
        {"name": "x" * 65},
        {"name": "a\n"},
        {"epoch": 0},
        {"cpus": 0},
        {"cpus": 10_000},
        {"memory_mib": 1},
        {"memory_mib": 10**9},
        {"ports": []},
        {"ports": [{"name": "1"}]},
        {"ports": [{"name": "0"}, {"name": "0"}]},
        {"ports": [{"name": str(number)} for number in range(5)]},
        {"driver": "pty", "program": "sh", "ports": [{"name": "0"}, {"name": "1"}]},
        {"kernel": "/etc/shadow"},
        {"memory_mib": "256"},
    ],
)
def test_what_is_no_sound_definition_is_refused(change: dict[str, Any]) -> None:
    args = ARGS | change
    with pytest.raises(Fault) as caught:
        definitions.parse(args["vm"], args)
    assert caught.value.code == "DefinitionInvalid"


def test_a_definition_for_another_vm_than_the_commands_is_refused() -> None:
    with pytest.raises(Fault, match="another VM"):
        definitions.parse(str(uuid.uuid4()), ARGS)


def test_an_unknown_driver_has_a_code_of_its_own() -> None:
    with pytest.raises(Fault, match="DriverUnknown"):
        definitions.parse(VM, ARGS | {"driver": "xen"})


def test_it_is_kept_whole_and_private(tmp_path: Path) -> None:
    directory = tmp_path / VM
    definition = definitions.parse(VM, ARGS)
    definitions.save(directory, definition)
    assert definitions.load(directory) == definition
    assert (directory / "machine.json").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_definition_in_the_wrong_folder_or_cut_off_is_not_loaded(tmp_path: Path) -> None:
    definition = definitions.parse(VM, ARGS)
    other = tmp_path / str(uuid.uuid4())
    definitions.save(other, definition)
    with pytest.raises(Fault, match="DefinitionInvalid"):
        definitions.load(other)
    (other / "machine.json").write_text('{"vm": ')
    with pytest.raises(msgspec.DecodeError):
        definitions.load(other)


def test_only_folders_of_machines_are_found_and_deletions_are_finished(tmp_path: Path) -> None:
    definitions.save(tmp_path / VM, MachineDefinition(**ARGS))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / f".deleted-{VM}-00").mkdir()
    (tmp_path / f".deleted-{VM}-00" / "serial0.log").write_text("x")
    (tmp_path / "file").touch()
    assert definitions.folders(tmp_path) == [tmp_path / VM]
    assert not (tmp_path / f".deleted-{VM}-00").exists()
    assert definitions.folders(tmp_path / "none") == []


def test_removing_leaves_nothing(tmp_path: Path) -> None:
    definitions.save(tmp_path / VM, MachineDefinition(**ARGS))
    definitions.remove(tmp_path / VM)
    assert list(tmp_path.iterdir()) == []


def test_a_condition_that_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    assert definitions.load_condition(tmp_path) is None
    condition = Condition(power=Power.RUNNING, since="2026-01-01T00:00:00Z", boots=4, pid=77)
    definitions.save_condition(tmp_path, condition)
    assert definitions.load_condition(tmp_path) == condition
    (tmp_path / "power.json").write_text("{}")
    assert definitions.load_condition(tmp_path) is None
