"""The record of a real guest's console: three clients, a kill in the middle, and hands in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.az import Clients
from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.peers.test_azure_console import Extension, log_in
from tests.peers.viewer import Viewer, ticket_for
from tests.support.terminal import SHELL, Terminal

SESSION = "Microsoft.SerialConsole/serialPorts/session/action"
KEYBOARD = "Microsoft.SerialConsole/serialPorts/keyboard/action"
UNSEEN = "kelp-typed-at-no-echo"
"""Typed where the guest does not echo."""


def events(house: House) -> list[dict[str, Any]]:
    """Of the VM and its console, oldest first."""
    told = house.oob("audit", "tail", "--vm", "demo", "-n", "1000", "-o", "json").stdout
    return [json.loads(line) for line in told.splitlines()]


def sessions(house: House, client: str) -> list[tuple[str, dict[str, Any]]]:
    """What is told of sessions with a client: status and properties, oldest first."""
    return [
        (each["status"]["value"], each["properties"])
        for each in events(house)
        if each["operationName"]["value"] == SESSION and each["properties"]["client"].startswith(client)
    ]


def verified(house: House, *, whole: bool = True) -> dict[str, Any]:
    done = house.oob("audit", "verify", "-o", "json", expect=0 if whole else 5)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def lived(house: House, azure: Clients) -> House:
    """The house after a browser, Azure's client and `oob console` were at the console, and a kill -9."""
    with Viewer(house) as browser:
        browser.type(b"\r")
        browser.expect(b"login: ")
        with Extension(azure, "1.0") as text:
            text.do("connect")
            text.expect("has the keyboard. You watch; press Enter to take it over.")
            text.do("type", "\r")
            assert browser.sent_away().code == "TakenOver"
            text.expect("you have the keyboard now")
            log_in(text)
            # A password by itself, as sudo or an application asks for one.
            text.do("type", "stty -echo; echo $((1+1))-ask; read it; stty echo; echo $((6*7))-read\r")
            text.expect("2-ask")
            text.do("type", UNSEEN + "\r")
            text.expect("42-read")
            with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as person:
                person.expect(rb"you have the keyboard")
                assert text.told("closed")["closed"][0] == 4001
                person.send(b"echo $((6*7))-before\r")
                person.expect(rb"\n42-before")
                person.expect(SHELL)
                # People are told before the store is; a kill in between would be noted as the reason.
                until("the take-over is noted", lambda: "reason" in sessions(house, "az")[-1][1])
                house.kill("control")
                house.up("--no-demo")
                person.expect(rb"connected again")
                person.send(b"echo $((6*7))-after\r")
                person.expect(rb"\n42-after")
                person.send(b"exit\r")
                person.expect(rb"login: ")
                person.send(b"\x1dq")
                assert person.wait() == 0
    until("the end is noted", lambda: sessions(house, "oob")[-1][1].get("reason") == "Left")
    return house


def test_everybody_stands_in_it_with_how_it_ended(lived: House) -> None:
    [(_, began), (status, ended)] = sessions(lived, "portal")
    assert (status, ended["reason"], ended["mode"]) == ("Succeeded", "TakenOver", "write")
    assert ended["session"] == began["session"]
    assert ended["by"]
    assert int(ended["seconds"]) >= 0
    assert int(ended["bytesIn"]) == 1
    assert int(ended["bytesOut"]) > 0

    [(_, began), (status, ended)] = sessions(lived, "az serial-console 1.0")
    assert (status, ended["reason"]) == ("Succeeded", "TakenOver")
    assert int(ended["bytesIn"]) >= len(UNSEEN) + 1
    assert int(ended["bytesOut"]) > 0

    # Killed while it went on: its end is told at the next start, and then it goes on under the same id.
    first, killed, again, last = sessions(lived, "oob")
    assert {each["session"] for _, each in (first, killed, again, last)} == {first[1]["session"]}
    assert (killed[1]["reason"], last[1]["reason"]) == ("ControlPlaneStopping", "Left")
    assert int(killed[1]["secondsAtMost"]) >= 0
    assert again[0] == "Started"
    assert again[1]["resumed"] == "true"
    assert int(last[1]["bytesIn"]) >= len("echo $((6*7))-before\r")

    deeds = [each["properties"] for each in events(lived) if each["operationName"]["value"] == KEYBOARD]
    by_client = {each["client"]: each for each in deeds}
    assert by_client.keys() == {"az serial-console 1.0 or newer", "oob"}
    assert {each["keyboard"] for each in by_client.values()} == {"taken"}
    assert {each["with"] for each in by_client.values()} == {ended["by"]}, "the same person in all of them"
    assert {each["httpRequest"]["clientIpAddress"] for each in events(lived)} == {"127.0.0.1"}


def test_it_is_complete_from_the_first_record_to_the_last(lived: House) -> None:
    report = verified(lived)
    assert report["complete"] is True
    assert report["problems"] == []
    all_of_it = events(lived)
    assert report["since"] <= all_of_it[0]["eventTimestamp"] < all_of_it[-1]["eventTimestamp"]
    assert all_of_it[-1]["eventTimestamp"] <= report["until"]
    said = lived.oob("audit", "verify").stdout
    assert f"complete from {report['since']} to " in said


def test_what_the_guest_did_not_echo_stands_nowhere(lived: House) -> None:
    """Not in the audit, the VM's log and its records, nor in any other file of control plane and agent."""
    told = lived.oob("audit", "export").stdout
    log = lived.oob("vm", "log", "demo", "-n", "200", "-o", "json").stdout
    assert "42-before" in log, "what was echoed is in the log"
    assert json.loads(log)["records"]
    for secret in (PASSWORD, UNSEEN):
        assert secret not in told + log + lived.oob("vm", "audit", "demo", "-n", "1000").stdout
        assert not [
            path
            for path in lived.root.rglob("*")
            if path.is_file() and path.name != "password" and secret.encode() in path.read_bytes()
        ]


def test_a_refused_ticket_stands_in_it(lived: House) -> None:
    opened = ticket_used(lived)
    with Viewer(lived, opened=opened) as late:
        assert late.sent_away().code == "TicketInvalid"
    until("it is noted", lambda: ("Failed", "TicketInvalid") in refusals(lived, opened["session"]))


def ticket_used(house: House) -> dict[str, Any]:
    """A ticket that somebody has opened a console with, who has left."""
    opened = ticket_for(house)
    with Viewer(house, opened=opened) as first:
        first.type(b"\r")
        first.expect(b"login: ")
    return opened


def refusals(house: House, session: str) -> list[tuple[str, str]]:
    return [
        (each["status"]["value"], each["subStatus"]["value"])
        for each in events(house)
        if each["properties"].get("session") == session
    ]


class Hand:
    """Somebody with the database in his hands, beside the control plane that runs."""

    def __init__(self, house: House) -> None:
        self._file = Path(house.root / "control" / "control.db")
        [self.count] = self._ask("SELECT max(number) FROM activity WHERE number IS NOT NULL")[0]

    def _ask(self, words: str, *values: object) -> list[Any]:
        with sqlite3.connect(self._file, timeout=60) as found:
            rows = found.execute(words, values).fetchall()
        found.close()
        return rows

    def row(self, number: int) -> dict[str, Any]:
        with sqlite3.connect(self._file, timeout=60) as found:
            found.row_factory = sqlite3.Row
            row = dict(found.execute("SELECT * FROM activity WHERE number = ?", (number,)).fetchone())
        found.close()
        return row

    def take(self, number: int) -> dict[str, Any]:
        row = self.row(number)
        self._ask("DELETE FROM activity WHERE number = ?", number)
        return row

    def put_back(self, row: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        self._ask(f"INSERT INTO activity ({names}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def change(self, number: int, column: str, value: object) -> None:
        self._ask(f'UPDATE activity SET "{column}" = ? WHERE number = ?', value, number)


@pytest.fixture
def hand(lived: House) -> Iterator[Hand]:
    """The log is whole before and after."""
    assert verified(lived)["complete"]
    yield Hand(lived)
    assert verified(lived)["complete"]


@pytest.mark.parametrize("where", ["head", "middle"])
def test_a_removed_record_shows_by_its_place(lived: House, hand: Hand, where: str) -> None:
    number = {"head": 1, "middle": hand.count // 2}[where]
    row = hand.take(number)
    try:
        report = verified(lived, whole=False)
        [problem] = report["problems"]
        assert (problem["what"], problem["first"], problem["last"]) == ("missing", number, number)
        assert (problem["node"], problem["day"]) == (row["node"], row["day"])
        done = lived.oob("audit", "verify", expect=5)
        assert "The log is not what was written:" in done.stdout
        assert f"missing: {row['node']} {row['day']}: " in done.stdout
        assert "AuditBroken" in done.stderr
    finally:
        hand.put_back(row)


@pytest.mark.parametrize(
    ("column", "value"),
    [("caller", "somebody-else"), ("client_address", "198.51.100.1"), ("status", "Succeeded!")],
)
def test_a_changed_record_shows_by_its_place(lived: House, hand: Hand, column: str, value: str) -> None:
    number = hand.count // 3 + 1
    before = hand.row(number)
    assert before[column] != value
    hand.change(number, column, value)
    try:
        problem = verified(lived, whole=False)["problems"][0]
        assert (problem["what"], problem["first"]) == ("changed", number)
    finally:
        hand.change(number, column, before[column])


def test_an_export_that_was_cut_or_changed_shows_without_a_control_plane(
    lived: House, tmp_path: Path
) -> None:
    keys, log = tmp_path / "keys.json", tmp_path / "log.jsonl"
    keys.write_text(lived.oob("audit", "keys").stdout)
    lived.oob("audit", "export", str(log))
    lived.oob("audit", "verify", str(log), "--keys", str(keys))
    lines = log.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if b'"record":' in line)
    for broken in (lines[: last - 2], lines[: last - 2] + lines[last + 1 :], lines[:-1]):
        log.write_bytes(b"".join(broken))
        lived.oob("audit", "verify", str(log), "--keys", str(keys), expect=5)


def test_a_cut_tail_shows_by_its_place(lived: House) -> None:
    """While the control plane runs, and while it does not. The last one: the store uses its numbers again, so
    nobody can put a tail back.
    """
    last = Hand(lived)
    last.take(last.count)
    [problem] = verified(lived, whole=False)["problems"]
    assert (problem["what"], problem["first"], problem["last"]) == ("missing", last.count, last.count)
    for _ in range(3):  # each is a record itself
        verified(lived, whole=False)
    lived.kill("control")
    ends = Hand(lived)
    for back in range(2):
        ends.take(ends.count - back)
    lived.up("--no-demo")
    first, second = verified(lived, whole=False)["problems"]
    assert first == problem
    assert (second["what"], second["first"], second["last"]) == ("missing", ends.count - 1, ends.count)
