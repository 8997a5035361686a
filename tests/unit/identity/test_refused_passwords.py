"""Passwords that others know: looked for in a list of the administrator's, wherever one is chosen."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.identity import refused_passwords
from outofband.identity.directory import Directory
from outofband.identity.owners import Owners
from outofband.identity.passwords import MIN_LENGTH, Passwords
from outofband.identity.refused_passwords import RefusedPasswords
from outofband.server import settings as configured
from outofband.server.settings import Settings
from tests.support.users import CHEAP
from tests.unit.identity.conftest import Started

pytestmark = pytest.mark.anyio
LEAKED = "Correct Horse Battery"


def listed(path: Path, *lines: str) -> Path:
    file = path / "leaked"
    file.write_text("".join(f"{each}\r\n" for each in lines), encoding="utf-8")
    return file


async def test_a_leaked_password_is_refused_wherever_it_is_chosen(
    started: Started, now: datetime, tmp_path: Path
) -> None:
    """In any case and any form of the same letters; one that is not on the list is taken."""
    file = listed(tmp_path, "short", LEAKED, "ﬁshermen's friends")
    refused = Settings(refused_passwords_file=str(file)).refused_passwords()
    passwords = Passwords(CHEAP, refused=refused)
    directory = Directory(started.store, passwords, Owners(started.store, "x"))
    for each in (LEAKED, LEAKED.lower(), "FISHERMEN'S FRIENDS"):
        with pytest.raises(Fault) as caught:
            await directory.password(each, "ada")
        assert caught.value.code == "PasswordRefused" and "others know" in str(caught.value.fields["detail"])
    assert (await directory.password("slow-heron-ladder-7", "ada")).made is None
    assert await directory.password(None, "ada"), "one that is made here is never on a list"


def test_lines_that_no_password_could_be_are_passed_over(tmp_path: Path) -> None:
    found = RefusedPasswords.read(listed(tmp_path, "", "123456", "a" * 11, "b" * 12), shortest=MIN_LENGTH)
    assert len(found) == 1 and "B" * 12 in found and "a" * 11 not in found


@pytest.mark.parametrize("lines", [["x" * 5000], [f"{number:012}" for number in range(11)]])
def test_a_list_that_cannot_be_kept_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setattr(refused_passwords, "MOST", 10)
    settings = Settings(refused_passwords_file=str(listed(tmp_path, *lines)))
    with pytest.raises(Fault) as caught:
        settings.refused_passwords()
    assert caught.value.code == "SettingsInvalid"


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.control.mkdir()
    (state.control / "settings.toml").write_text(f'refused_passwords_file = "{tmp_path}/nothing"\n')
    with pytest.raises(Fault) as caught:
        configured.load(state).refused_passwords()
    assert caught.value.code == "SettingsInvalid" and "nothing" in str(caught.value.fields["path"])
    assert Settings().refused_passwords() is None
