"""`oob explain` with a text, a log and a pipe, in three languages, and when there is nothing to say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from outofband.cli import main
from tests.unit.wire.detect.samples import EMERGENCY, HEALTHY


def log(parts: tuple[str | bytes, ...]) -> bytes:
    return b"".join(each if isinstance(each, bytes) else each.encode() for each in parts)


def test_a_log_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "web1.log"
    file.write_bytes(log(EMERGENCY))
    assert main.run(["explain", str(file)]) == 0
    out = capfd.readouterr().out
    assert "EmergencyMode: The guest is in emergency mode\nline 5, offset " in out
    assert "      3 | [DEPEND] Dependency failed for srv-data.mount - /srv/data.\n" in out
    assert "  - See why: `systemctl --failed`, `systemctl status 'srv-data.mount'`" in out
    assert "HTTP status" not in out
    assert main.run(["explain", str(file), "-o", "json"]) == 0
    value = json.loads(capfd.readouterr().out)
    (found,) = value["found"]
    assert (value["file"], found["code"], found["line"]) == (str(file), "EmergencyMode", 5)
    assert found["fields"] == {"mode": "emergency", "unit": "srv-data.mount"}
    assert main.run(["explain", "--lang", "nl", str(file)]) == 0
    assert "De gast is in de noodmodus\nregel 5, positie " in capfd.readouterr().out


def test_a_pipe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log(EMERGENCY))))
    assert main.run(["explain", "-", "-o", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["file"] == "-"


def test_a_text_with_and_without_quotes(capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["grub rescue>"], ["grub", "rescue>"]):
        assert main.run(["explain", *words]) == 0
        assert "GrubRescue: GRUB is in its rescue mode" in capfd.readouterr().out
    said = "La console série est désactivée pour l'abonnement « sub1 »."
    assert main.run(["explain", "--lang", "nl", said, "-o", "json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)["found"]
    assert (found["code"], found["fields"]) == ("ConsoleDisabledForSubscription", {"subscription": "sub1"})
    assert found["message"] == "De seriële console is uitgeschakeld voor het abonnement 'sub1'."


def test_a_text_that_is_longer_than_a_name_of_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    said = "x" * 300 + "\nKernel panic - not syncing: Attempted to kill init"
    assert main.run(["explain", said, "-o", "json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)["found"]
    assert found["code"] == "KernelPanic"


def test_a_code_of_a_finding_has_no_http_status(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["explain", "kernelpanic", "-o", "json"]) == 0
    assert "httpStatus" not in json.loads(capfd.readouterr().out)


def test_nothing_to_say(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "healthy.log"
    file.write_bytes(log(HEALTHY["boot"]))
    for arguments, code, exit_code in (
        ([str(file)], "LogShowsNoFailure", 3),
        (["cannot unscramble eggs"], "TextNotRecognised", 3),
        (["nonsense"], "CodeUnknown", 3),
        ([], "UsageInvalid", 2),
    ):
        assert main.run(["explain", *arguments, "-o", "json"]) == exit_code
        assert json.loads(capfd.readouterr().err)["error"]["code"] == code
