"""The onboarding script: values quoted for its shell, sound for every shell there is, no secret in it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.fleet.onboarding.script import MAX_VALUE, System, Wish, script, tag_words

WISH = Wish(
    server="https://oob.example:8443",
    fingerprint="ab" * 32,
    package_path="/fleet/packages/outofband-agent-0.1.0-cp311-x86_64.tar",
    package_sha256="cd" * 32,
    package_python="3.11",
    tenant="11111111-1111-4111-8111-111111111111",
    subscription="22222222-2222-4222-8222-222222222222",
    resource_group="lab",
    location="local",
)
HOSTILE = "$(touch owned)`touch owned`';touch owned;'\" \\ $HOME \u2018;\u2019"
SHELLS = [each for each in ("dash", "bash", "busybox") if shutil.which(each)]


def values(text: str) -> str:
    """Only the part with the assignments."""
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("SERVER="))
    return "\n".join(lines[begin : lines.index("", begin)])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_it(shell: str) -> None:
    command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    subprocess.run(command, input=script(System.LINUX, WISH), text=True, check=True, capture_output=True)


def test_no_value_runs(tmp_path: Path) -> None:
    wish = msgspec.structs.replace(
        WISH, resource_group=HOSTILE, resource_name=HOSTILE, proxy=HOSTILE, location=HOSTILE
    )
    text = values(script(System.LINUX, wish)) + '\nprintf %s "$RESOURCE_GROUP$NAME$PROXY$LOCATION"\n'
    said = subprocess.run(["sh"], input=text, text=True, check=True, capture_output=True, cwd=tmp_path)
    assert said.stdout == HOSTILE * 4
    assert not list(tmp_path.iterdir())


def test_powershell_quotes_every_apostrophe_it_knows() -> None:
    text = script(System.WINDOWS, msgspec.structs.replace(WISH, resource_group="a'b\u2019c$d"))
    assert "$ResourceGroup = 'a''b\u2019\u2019c$d'\n" in text
    assert "NOT SEEN ON REAL WINDOWS" in text


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\u2028b", "x" * (MAX_VALUE + 1)])
def test_what_a_script_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(Fault) as caught:
        script(System.LINUX, msgspec.structs.replace(WISH, proxy=value))
    assert caught.value.code == "InvalidParameter"


def test_everything_is_filled_in() -> None:
    for system in System:
        text = script(system, WISH)
        assert "@SERVER@" not in text and "@NAME@" not in text and "@VALUES@" not in text
        assert WISH.fingerprint in text and WISH.package_sha256 in text


def test_tags_as_the_flag_takes_them() -> None:
    assert tag_words({"SingleName": "Value with spaces", "Location": "a,b=c"}) == (
        "SingleName='Value with spaces',Location='a,b=c'"
    )
    assert tag_words({"a": "it's \\"}) == "a='it\\'s \\\\'"
    for wrong in ({"": "x"}, {"a=b": "x"}, {"a b": "x"}, {f"t{n}": "" for n in range(51)}):
        with pytest.raises(Fault):
            tag_words(wrong)


def run(tmp_path: Path, *options: str, wish: Wish = WISH) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "connect.sh"
    file.write_text(script(System.LINUX, wish))
    return subprocess.run(["sh", file, *options], text=True, capture_output=True, timeout=60)


def test_it_says_what_it_takes(tmp_path: Path) -> None:
    assert run(tmp_path, "--help").returncode == 0
    refused = run(tmp_path, "--nonsense")
    assert refused.returncode == 101
    assert "AZCM0101" in refused.stderr and "remedy:" in refused.stderr


def test_the_embedded_programs_are_python() -> None:
    text = script(System.LINUX, WISH)
    programs = [part.partition("\nPYTHON\n")[0] for part in text.split("<<'PYTHON'\n")[1:]]
    assert len(programs) == 3
    for each in programs:
        compile(each, "<script>", "exec")
    assert json.dumps(programs)
