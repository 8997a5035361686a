"""Everything that keeps a person from a console: its own code, its remedy, its exit code."""

from __future__ import annotations

import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from guests.build import Guest
from outofband.access import roles
from outofband.net.tls import client_context
from tests.peers.house import OOB, House, until
from tests.peers.people import move_in
from tests.support.terminal import Terminal

CONNECT = "providers/Microsoft.SerialConsole/serialPorts/0/connect?api-version=2024-07-01"


class Town:
    def __init__(self, house: House) -> None:
        self.house = house
        people = {"rita": roles.READER, "bert": roles.VIRTUAL_MACHINE_CONTRIBUTOR, "nobody": ""}
        self.people, self.expired = move_in(house, people)

    def seat(self, who: str, *more: str) -> Terminal:
        return Terminal(
            [*OOB, "console", "demo", "--state", str(self.people[who].state), *more], self.house.env
        )

    def refused(self, who: str, *arguments: str, expect: int) -> dict[str, Any]:
        return self.house.error(*arguments, "--state", str(self.people[who].state), expect=expect)

    def owner(self) -> httpx.Client:
        profile = self.house.profile()
        return httpx.Client(
            base_url=profile["arm"], verify=client_context(Path(profile["caFile"])), timeout=60
        )

    def token(self) -> str:
        profile = self.house.profile()
        form = {
            "grant_type": "client_credentials",
            "client_id": profile["clientId"],
            "client_secret": (self.house.root / "client" / "secret").read_text().strip(),
            "scope": f"{profile['arm']}/.default",
        }
        with self.owner() as client:
            answer = client.post(f"/{profile['tenantId']}/oauth2/v2.0/token", data=form)
        return str(answer.json()["access_token"])

    @property
    def vm(self) -> str:
        profile = self.house.profile()
        group = f"/subscriptions/{profile['subscriptionId']}/resourceGroups/{profile['resourceGroup']}"
        return f"{group}/providers/Microsoft.Compute/virtualMachines/demo"


@pytest.fixture(scope="module")
def town(demo_guest: Guest) -> Iterator[Town]:
    house = House(demo_guest)
    made: Town | None = None
    try:
        house.up()
        made = Town(house)
        yield made
    finally:
        house.close()
        for person in made.people.values() if made else ():
            shutil.rmtree(person.state, ignore_errors=True)


@pytest.mark.exact
def test_a_reader_sees_the_vm_but_not_its_console(town: Town) -> None:
    seen = town.house.json("vm", "list", "--state", str(town.people["rita"].state))
    assert [vm["name"] for vm in seen] == ["demo"]
    error = town.refused("rita", "console", "demo", "--observe", expect=4)
    assert error["code"] == "AuthorizationFailed"
    assert "Microsoft.SerialConsole/serialPorts/connect/action" in error["message"]
    assert any("Virtual Machine Contributor" in step for step in error["remedy"])
    assert town.refused("rita", "vm", "stop", "demo", expect=4)["code"] == "AuthorizationFailed"
    assert town.refused("rita", "serial", "send", "demo", "nmi", expect=4)["code"] == "AuthorizationFailed"


@pytest.mark.exact
def test_a_stranger_sees_nothing(town: Town) -> None:
    error = town.refused("nobody", "console", "demo", "--observe", expect=4)
    assert error["code"] == "AuthorizationFailed"
    missing = town.refused("nobody", "vm", "show", "there-is-none", expect=4)
    assert missing["code"] == "AuthorizationFailed", "whether it exists is not told either"


def test_take_over_names_the_other_person(town: Town) -> None:
    with Terminal([*OOB, "console", "demo"], town.house.env) as owner:
        owner.expect(rb"you have the keyboard")
        with town.seat("bert") as bert:
            bert.expect(rb"you have the keyboard")
            assert owner.wait() == 7
            owner.expect(rb"\(TakenOver\) bert took over")
            with town.seat("bert") as again:
                again.expect(rb"you have the keyboard")
                assert bert.wait() == 7
                bert.expect(rb"\(TakenOver\) bert took over")
                again.send(b"\x1dq")
                again.wait()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "AuthenticationFailed"),
        ("expired", "ExpiredAuthenticationToken"),
        ("altered", "InvalidAuthenticationToken"),
        ("nonsense", "InvalidAuthenticationToken"),
    ],
)
@pytest.mark.exact
def test_a_token_that_is_not_ours(town: Town, token: str | None, code: str) -> None:
    good = town.token()
    head, body, tail = good.split(".")
    shown = {"expired": town.expired, "altered": f"{head}.{body[:-8]}AAAAAAAA.{tail}"}.get(token or "", token)
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    with town.owner() as client:
        answer = client.post(f"{town.vm}/{CONNECT}", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.exact
def test_a_token_of_another_control_plane(town: Town, demo_guest: Guest) -> None:
    other = House(demo_guest)
    try:
        other.up("--no-demo")
        profile = other.profile()
        form = {
            "grant_type": "client_credentials",
            "client_id": profile["clientId"],
            "client_secret": (other.root / "client" / "secret").read_text().strip(),
            "scope": f"{profile['arm']}/.default",
        }
        with httpx.Client(verify=client_context(Path(profile["caFile"])), timeout=60) as client:
            url = f"{profile['arm']}/{profile['tenantId']}/oauth2/v2.0/token"
            foreign = client.post(url, data=form).json()["access_token"]
    finally:
        other.close()
    with town.owner() as client:
        answer = client.post(f"{town.vm}/{CONNECT}", headers={"Authorization": f"Bearer {foreign}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] in {
        "InvalidAuthenticationToken",
        "InvalidAuthenticationTokenTenant",
    }


def test_switching_consoles_off_ends_open_sessions_and_refuses_new_ones(town: Town) -> None:
    with town.seat("bert") as bert:
        bert.expect(rb"you have the keyboard")
        town.house.oob("serial", "disable")
        try:
            assert bert.wait() == 5
            bert.expect(rb"ConsoleDisabledForSubscription")
            assert bert.modes() == bert.before
            error = town.house.error("console", "demo", "--observe", expect=5)
            assert error["code"] == "ConsoleDisabledForSubscription"
            assert any("oob serial enable" in step for step in error["remedy"])
        finally:
            town.house.oob("serial", "enable")
    with town.seat("bert") as bert:
        bert.expect(rb"you have the keyboard")
        bert.send(b"\x1dq")
        assert bert.wait() == 0


def test_taking_the_role_away_ends_the_session(town: Town) -> None:
    bert = town.people["bert"]
    headers = {"Authorization": f"Bearer {town.token()}"}
    subscription = f"/subscriptions/{town.house.profile()['subscriptionId']}"
    assignments = f"{subscription}/providers/Microsoft.Authorization/roleAssignments"
    with town.seat("bert") as seat, town.owner() as client:
        seat.expect(rb"you have the keyboard")
        listed = client.get(f"{assignments}?api-version=2022-04-01", headers=headers).json()["value"]
        mine = next(row for row in listed if row["properties"]["principalId"] == bert.object_id)
        gone = client.delete(f"{mine['id']}?api-version=2022-04-01", headers=headers)
        assert gone.status_code in (200, 204)
        try:
            assert seat.wait() == 4
            seat.expect(rb"AccessRevoked|AuthorizationFailed")
            assert (
                town.refused("bert", "console", "demo", "--observe", expect=4)["code"]
                == "AuthorizationFailed"
            )
        finally:
            body = {
                "properties": {
                    key: mine["properties"][key]
                    for key in ("principalId", "roleDefinitionId", "principalType")
                }
            }
            back = client.put(f"{mine['id']}?api-version=2022-04-01", headers=headers, json=body)
            assert back.status_code in (200, 201)


def test_what_is_not_there_or_not_running(town: Town) -> None:
    house = town.house
    assert house.error("console", "nowhere", "--observe", expect=3)["code"] == "ResourceNotFound"
    assert house.error("console", "demo", "--observe", "--port", "7", expect=3)["code"] == "PortNotFound"
    house.oob("vm", "stop", "demo")
    error = house.error("console", "demo", "--observe", expect=5)
    assert error["code"] == "VmNotRunning"
    assert any("oob vm start demo" in step for step in error["remedy"])
    house.oob("vm", "start", "demo")


def test_a_host_that_is_gone_and_comes_back(town: Town) -> None:
    house = town.house
    house.kill("agent")
    error = until(
        "the link is known to be gone",
        lambda: _code(house.oob("console", "demo", "--observe", "-o", "json", expect=None).stderr),
    )
    assert error == "AgentOffline"
    house.up("--no-demo")
    with Terminal([*OOB, "console", "demo"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x1dq")
        assert seat.wait() == 0


def _code(stderr: str) -> str | None:
    import json

    try:
        return str(json.loads(stderr.strip().splitlines()[-1])["error"]["code"])
    except (ValueError, IndexError, KeyError):
        return None


def test_every_refusal_is_told_to_the_activity_log(town: Town) -> None:
    """Who connected, when and how it was answered stands in the log the VM's people read."""
    headers = {"Authorization": f"Bearer {town.token()}"}
    profile = town.house.profile()
    group = profile["resourceGroup"]
    query = {
        "$filter": f"eventTimestamp ge 2020-01-01T00:00:00Z and resourceGroupName eq '{group}'",
        "api-version": "2015-04-01",
    }
    path = f"/subscriptions/{profile['subscriptionId']}/providers/Microsoft.Insights/eventtypes/management"
    with town.owner() as client:
        events = client.get(f"{path}/values?{urllib.parse.urlencode(query)}", headers=headers).json()["value"]
    connects = [event for event in events if "connect" in event["operationName"]["value"].lower()]
    assert {"bert", "rita", "oob (local)"} <= {event["caller"] for event in connects}
