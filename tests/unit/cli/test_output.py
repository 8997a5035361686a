"""What is printed, for people and for programs."""

from __future__ import annotations

import json
import sys

import pytest

from outofband.catalogue import explain
from outofband.cli import output
from outofband.client.faults import RemoteFault
from outofband.core import clock
from outofband.core.errors import Fault
from tests.support.terminal import Terminal


@pytest.mark.parametrize(
    ("words", "json_wanted"),
    [
        ("vm list", False),
        ("vm list -o json", True),
        ("vm list -ojson", True),
        ("vm list --output json", True),
        ("vm list --output=json", True),
        ("vm list -o table", False),
        ("vm list -o json -o table", False),
        ("vm list -o table -o json", True),
        ("vm list -o", False),
        ("vm show -- -o json", False),
    ],
)
def test_json_is_recognised_before_the_line_is_parsed(words: str, json_wanted: bool) -> None:
    assert output.wants_json(words.split()) is json_wanted


def test_only_text_reaches_the_screen() -> None:
    assert output.plain("a\x1b[2Jb\x07c\x9bd\x7f") == "a�[2Jb�c�d�"
    assert output.plain("right\u202eleft") == "right�left"
    assert output.plain("two\nlines\tand tabs, é, 日本") == "two\nlines\tand tabs, é, 日本"


def test_a_table_is_as_wide_as_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    output.rows(["NAME", "POWER"], [("web-server-1", "running"), ("b\nx\x1b", "off")], empty="none")
    assert capsys.readouterr().out.splitlines() == [
        "NAME          POWER",
        "web-server-1  running",
        "b x�          off",
    ]


def test_an_empty_table_says_so_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    output.rows(["NAME"], [], empty="There is nothing.")
    assert capsys.readouterr() == ("", "There is nothing.\n")
    output.voice.quiet = True
    output.rows(["NAME"], [], empty="There is nothing.")
    assert capsys.readouterr() == ("", "")


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts({"name": "demo", "problem": "", "long name": "x\ny"})
    assert capsys.readouterr().out == "name       demo\nlong name  x y\n"


def test_a_fault_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    fault = Fault("VmNotRunning", vm="de\x1bmo", power="stopped")
    assert output.report(fault, as_json=False) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "error (VmNotRunning) The VM 'de�mo' is in state 'stopped'; its console opens when it runs.",
        "remedy: Start it: `oob vm start de�mo`.",
    ]


def test_a_fault_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    fault = Fault("TakenOver", by="bob", at="2026-01-02T03:04:05Z")
    assert output.report(fault, as_json=True) == 7
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    error = json.loads(line)["error"]
    assert error.keys() == {"code", "title", "message", "cause", "remedy", "retryable"}
    assert "2026-01-02T03:04:05Z" in error["message"], "programs get UTC"
    assert len(error["remedy"]) == 2


def test_the_request_id_is_shown_where_somebody_will_ask_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    inner = RemoteFault(explain(Fault("InternalError")), "r-1")
    output.report(inner, as_json=False)
    assert capsys.readouterr().err.endswith("request: r-1\n")
    missing = RemoteFault(explain(Fault("ResourceNotFound", resource="x", group="g")), "r-2")
    output.report(missing, as_json=False)
    assert "r-2" not in capsys.readouterr().err
    output.report(missing, as_json=True)
    assert json.loads(capsys.readouterr().err)["error"]["requestId"] == "r-2"
    output.voice.verbose = True
    output.report(missing, as_json=False)
    assert "request: r-2" in capsys.readouterr().err


def test_moments_are_local_on_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = "2026-01-02T03:04:05.678901Z"
    local = clock.parse_iso(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    assert output.local_times(f"at {moment}, ok") == f"at {local}, ok"
    assert output.local_times("at 2026-99-99T99:99:99Z") == "at 2026-99-99T99:99:99Z"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PortInUse", what="It", address="127.0.0.1", port=1, who=" (x, process 2)"),
        Fault("TakenOver", by="bob", at="noon"),
        Fault("StartFailed", what="It", detail="one\ntwo", log="/log"),
    ],
)
def test_what_was_reported_can_be_read_back(fault: Fault, capsys: pytest.CaptureFixture[str]) -> None:
    output.report(fault, as_json=False)
    log = "2026 [info] before\nerror (Other) an earlier start\nremedy: no\n" + capsys.readouterr().err
    found = output.reported(log)
    assert isinstance(found, RemoteFault)
    assert found.explained == explain(fault)


def test_a_log_without_a_fault_reports_none() -> None:
    assert output.reported("Traceback ...\nValueError: error (x)") is None


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_colour_where_none_is_wanted(environment: dict[str, str], coloured: bool) -> None:
    command = [sys.executable, "-m", "outofband.cli", "explain", "AgentOffline"]
    with Terminal(command, environment) as terminal:
        assert (b"\x1b[" in terminal.expect(rb"not connected")) is coloured
        terminal.wait()
