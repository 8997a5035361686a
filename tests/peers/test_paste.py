"""`oob paste` into a real guest's shell: nothing lost, nothing doubled, the sum measured in the guest."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest

from outofband.wire.grant import Mode
from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.peers.viewer import Viewer
from tests.support.terminal import Terminal

LEAN, WHOLE = 6_000, 100_000


def at_shell(house: House) -> None:
    """The demo guest's console shows a shell's prompt."""
    with Viewer(house) as viewer:
        viewer.type(b"\r")
        viewer.expect(b"\r\n")
        viewer.type(b"\r")
        prompts = (b"login:", b"$ ", b"# ")
        until("a prompt", lambda: any(each in viewer.shown for each in prompts))
        if b"login:" in viewer.shown:
            viewer.type(b"demo\r")
            viewer.expect(b"assword")
            viewer.type(PASSWORD.encode() + b"\r")
        viewer.expect(b"$ ")


def pasted(house: House, folder: Path, content: bytes, target: str) -> None:
    file = folder / "content"
    file.write_bytes(content)
    at_shell(house)
    told = house.json("paste", "demo", str(file), "--here-document", target)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.peers
def test_bytes_of_any_kind_arrive_whole(house: House, tmp_path: Path) -> None:
    pasted(house, tmp_path, random.Random(1).randbytes(LEAN), "/tmp/lean")


@pytest.mark.peers
def test_what_differs_is_an_error(house: House, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"content\n")
    at_shell(house)
    refused = house.error("paste", "demo", str(file), "--here-document", "/nowhere/x", expect=1)
    assert refused["code"] == "PasteSumDiffers"


@pytest.mark.peers
def test_what_is_typed_ahead_of_a_command_is_no_difference(house: House, tmp_path: Path) -> None:
    """The terminal echoes it among what the command prints, and the shell shows it once more."""
    numbers = range(60)
    file = tmp_path / "commands"
    file.write_text("".join(f"sleep 0.05; echo {each} came | tee -a /tmp/came\n" for each in numbers))
    at_shell(house)
    assert house.json("paste", "demo", str(file), "--yes")["verdict"] == "echoed"
    came = "".join(f"{each} came\n" for each in numbers).encode()
    with Viewer(house) as viewer:
        viewer.type(b"sha256sum </tmp/came\r")
        viewer.expect(hashlib.sha256(came).hexdigest().encode())


@pytest.mark.peers
def test_a_person_pastes_at_the_console_and_it_arrives_whole(house: House) -> None:
    """Into a real terminal that marks it; shown before, the menu open meanwhile, summed up in the guest."""
    lines = b"".join(b"%04d the quick brown fox, aa bb, 'of' $HOME \\ a lazy dog\n" % at for at in range(120))
    at_shell(house)
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x1b[200~cat >/tmp/by-hand <<'END'\n" + lines + b"END\n\x1b[201~")
        shown = seat.expect(rb"y/N")
        assert b"paste 122 lines" in shown and b"0003 the quick" in shown and b"0010 the" not in shown
        seat.send(b"y\x1di")
        seat.expect(rb"demo port 0, at byte \d+: attached, write")
        seat.expect(rb"pasted; all that can be seen was echoed")
        seat.send(b"sha256sum </tmp/by-hand\r")
        seat.expect(hashlib.sha256(lines).hexdigest().encode())
        seat.send(b"\x1dq")
        assert seat.wait() == 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_a_hundred_kilobytes_into_a_shell(house: House, tmp_path: Path, kind: str) -> None:
    chance = random.Random(2)
    content = chance.randbytes(WHOLE)
    if kind == "text":
        words = ["aa", "book", "x" * 40, "lll", "echo", "$HOME", "'", '"', "the", "of", "1100", "\\"]
        text = "".join(chance.choice(words) + chance.choice("   \n") for _ in range(WHOLE // 6))
        content = text[: WHOLE - 1].encode() + b"\n"
    pasted(house, tmp_path, content, f"/tmp/{kind}")


@pytest.mark.soak
def test_it_goes_on_after_the_control_plane_and_says_that_the_agent_was_lost(
    house: House, tmp_path: Path
) -> None:
    """Both are killed in the middle: the one does not own the paste, with the other it is gone."""
    content = random.Random(3).randbytes(WHOLE // 2)
    file = tmp_path / "content"
    file.write_bytes(content)
    for service, code in (("control", None), ("agent", "PasteEnded")):
        at_shell(house)
        words = [*OOB, "paste", "demo", str(file), "--here-document", f"/tmp/{service}", "-o", "json"]
        with subprocess.Popen(words, env=house.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as paste:
            with Viewer(house, mode=Mode.OBSERVE) as watcher:
                until("it is under way", lambda seen=watcher: len(seen.shown) > WHOLE // 10)
            house.kill(service)
            house.up("--no-demo")
            out, err = paste.communicate(timeout=200)
        if code is None:
            assert json.loads(out)["sha256"] == hashlib.sha256(content).hexdigest(), err
        else:
            error = json.loads(err.splitlines()[-1])["error"]
            assert (paste.returncode, error["code"]) == (1, code)
            assert "started anew" in error["message"]
            with Viewer(house) as viewer:
                viewer.type(b"\x03\x03\r")
                viewer.expect(b"$ ")


@pytest.mark.soak
def test_a_stop_while_the_control_plane_is_away_stops_it_when_it_is_back(house: House) -> None:
    at_shell(house)
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x1b[200~" + b": some words that do nothing at all\n" * 2000 + b"\x1b[201~")
        seat.expect(rb"y/N")
        seat.send(b"y")
        seat.expect(rb"pasting: \d+ %")
        house.kill("control")
        seat.expect(rb"connection lost")
        seat.send(b"\x1d")
        seat.expect(rb"q quit")
        seat.send(b"x\x03")
        seat.expect(rb"stopped as soon as the line is back")
        house.up("--no-demo")
        seat.expect(rb"paste stopped after \d+ bytes: it was asked to")
        seat.send(b"\x03echo alive-$((1+1))\r")
        seat.expect(rb"\nalive-2")
        seat.send(b"\x1dq")
        assert seat.wait() == 0


@pytest.mark.soak
def test_nothing_of_it_reaches_the_next_boot(house: House, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b": some words that do nothing at all\n" * 4000)
    at_shell(house)
    words = [*OOB, "paste", "demo", str(file), "--yes", "-o", "json"]
    with (
        subprocess.Popen(words, env=house.env, stderr=subprocess.PIPE) as paste,
        Viewer(house, mode=Mode.OBSERVE) as watcher,
    ):
        until("it is under way", lambda: len(watcher.shown) > WHOLE // 20)
        house.oob("serial", "send", "demo", "reset", "--yes")
        _, err = paste.communicate(timeout=120)
        [line] = err.splitlines()
        assert "started anew" in json.loads(line)["error"]["message"]
        until("it is up again", lambda: b"demo login: " in since_boot(watcher), 240)
        assert b"some words" not in since_boot(watcher)


def since_boot(watcher: Viewer) -> bytes:
    """What was shown after the kernel's first line."""
    return watcher.shown.rpartition(b"Linux version")[2]
