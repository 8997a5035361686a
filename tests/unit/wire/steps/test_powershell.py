"""How a text reaches PowerShell: what is in the argument list, what on standard input, and what quotes do."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.steps import powershell
from outofband.wire.steps.accounts import reset_password
from tests.unit.wire.steps.powershell_text import texts, tokens

SECRET = "p'\u2019\"$(calc)`n;|\u20acx"


def given_lines(launch: powershell.Launch) -> tuple[str, dict[str, object]]:
    script, parameters = launch.given.decode("ascii").splitlines()
    return base64.b64decode(script).decode(), json.loads(base64.b64decode(parameters))


def test_the_argument_list_is_the_same_for_every_script() -> None:
    one = powershell.launch(reset_password(), {"UserName": "bob", "Password": SECRET})
    other = powershell.launch("Get-Date")
    assert (one.path, one.arguments) == (other.path, other.arguments)
    assert one.arguments[:6] == (
        "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-OutputFormat", "Text",
    )  # fmt: skip
    assert base64.b64decode(one.arguments[7]).decode("utf-16-le") == powershell.BOOTSTRAP
    # A command line of Windows ends at 32767 characters, that of some programs at 8191.
    assert sum(map(len, one.arguments)) < 8000


def test_a_password_is_in_no_script_and_in_no_argument() -> None:
    launch = powershell.launch(reset_password(), {"UserName": "bob", "Password": SECRET})
    script, parameters = given_lines(launch)
    assert parameters == {"named": {"UserName": "bob", "Password": SECRET}, "rest": []}
    assert script == reset_password()
    for seen in (script, " ".join(launch.arguments)):
        assert SECRET not in seen
        assert base64.b64encode(SECRET.encode()).decode() not in seen
    assert launch.given.isascii(), "the console's code page must not matter"
    assert launch.given.count(b"\n") == 2


def test_arguments_by_position_and_odd_names() -> None:
    _, parameters = given_lines(powershell.launch("param($a)", {}, ("x y", "-Force")))
    assert parameters == {"named": {}, "rest": ["x y", "-Force"]}
    for name in ("a b", "", "x;y", "1a", "a" * 65):
        with pytest.raises(ValueError, match="names of parameters"):
            powershell.launch("", {name: "1"})


def test_the_bootstrap_is_whole() -> None:
    words = tokens(powershell.BOOTSTRAP)
    assert words.count("ConvertFrom-Json") == 1
    assert "Invoke-Expression" not in words
    assert not {"iex", "Start-Process"} & set(words)


@given(st.text(max_size=60))
def test_a_quoted_text_is_one_text_to_powershell(text: str) -> None:
    found = tokens(f"Set-It {powershell.quoted(text)} after")
    assert found[-1] == "after"
    assert texts(f"Set-It {powershell.quoted(text)} after") == [text]


@pytest.mark.parametrize("text", ["O'Brien", "O\u2019Brien", "\u2018x\u201b", "'; Remove-Item x; '"])
def test_every_quote_that_powershell_knows_is_doubled(text: str) -> None:
    assert texts(powershell.quoted(text)) == [text]
    assert "Remove-Item" not in tokens(powershell.quoted(text))


def test_a_script_says_that_it_is_for_powershell() -> None:
    assert powershell.is_meant(reset_password())
    assert powershell.is_meant("#!PowerShell\r\nGet-Date")
    assert not powershell.is_meant("#!/bin/sh\n#!powershell\n")
    assert not powershell.is_meant("")
