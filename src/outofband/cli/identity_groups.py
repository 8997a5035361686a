"""`oob identity group`: groups of people, clients and other groups, which have roles together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import identity_names as names
from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.identity_names import GROUPS

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

_WORDS = {"user": "user", "servicePrincipal": "client", "group": "group"}


@click.group("group")
def group() -> None:
    """Groups: what a group may, whoever is in it may. NAME is a group's name or id."""


@group.command(
    epilog="Example:  oob identity group add Operators --role 'Virtual Machine Contributor' --scope /"
)
@click.argument("name")
@click.option("--description", help="What the group is for.")
@click.option("--role", shell_complete=names.complete_role, help="Role to give, by name or id.")
@click.option("--scope", help="Where the role holds: an id, / for everything.  [default: the subscription]")
@options.common
def add(
    name: str, description: str | None, role: str | None, scope: str | None, state: StateDir, output: str
) -> None:
    """Make the group NAME, with nobody in it."""
    if scope and not role:
        raise click.UsageError("--scope says where a --role holds")
    body = {"displayName": name, "mailNickname": _nickname(name), "description": description}
    with options.sign_in(state) as client:
        place = scope or client.subscription if role else ""
        wanted = names.definition(client, place, role) if role else None
        made = client.post(GROUPS, body, version=None)
        if wanted:
            names.assign(client, place, wanted, made["id"], "Group")

    def table(_: object) -> None:
        show.line(f"{name} is made.")
        show.note(f"Put somebody in: oob identity group member add {made['id']} NAME")

    show.emit(made, output, table)


@group.command("list", epilog="Example:  oob identity group list -o json")
@options.common
def list_(state: StateDir, output: str) -> None:
    """Which groups there are."""
    with options.sign_in(state) as client:
        found = list(client.list(GROUPS, version=None))
    found.sort(key=lambda each: (each["displayName"].lower(), each["id"]))

    def table(groups: list[dict[str, Any]]) -> None:
        lines = [(each["displayName"], each["description"] or "", each["id"]) for each in groups]
        show.rows(["NAME", "DESCRIPTION", "ID"], lines, empty="There are no groups.")

    show.emit(found, output, table)


@group.command("show", epilog="Example:  oob identity group show Operators")
@click.argument("name", shell_complete=names.complete_group)
@options.common
def show_(name: str, state: StateDir, output: str) -> None:
    """What the group NAME is, and who is in it."""
    with options.sign_in(state) as client:
        found = names.group_of(client, name)
        path = names.one(client, GROUPS, found["id"])
        members = list(client.list(f"{path}/members", version=None))
    whole = found | {"members": members}

    def table(it: dict[str, Any]) -> None:
        show.facts({"name": it["displayName"], "id": it["id"], "for": it["description"] or ""})
        _members(members)

    show.emit(whole, output, table)


@group.command(epilog="Example:  oob identity group remove Operators --yes")
@click.argument("name", shell_complete=names.complete_group)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def remove(name: str, yes: bool, state: StateDir, output: str) -> int:
    """Remove the group NAME with all its roles. Who was in it stays."""
    with options.sign_in(state) as client:
        found = names.group_of(client, name)
        if not names.confirmed(f"Remove {found['displayName']} and all roles it has?", yes):
            return names.EXIT_DECLINED
        client.delete(names.one(client, GROUPS, found["id"]), version=None)
    show.emit({"group": found["id"], "removed": True}, output, lambda _: show.line(f"{name} is removed."))
    return 0


@group.group()
def member() -> None:
    """Who is in a group. WHO is a user, a client or another group, by its name or id."""


@member.command("add", epilog="Example:  oob identity group member add Operators ada")
@click.argument("name", shell_complete=names.complete_group)
@click.argument("who")
@options.common
def member_add(name: str, who: str, state: StateDir, output: str) -> None:
    """Put WHO into the group NAME: from the next request on WHO may what the group may."""
    with options.sign_in(state) as client:
        found, wanted = names.group_of(client, name), names.anybody(client, who)
        address = f"{client.profile.arm}/v1.0/directoryObjects/{wanted['id']}"
        path = names.one(client, GROUPS, found["id"])
        client.post(f"{path}/members/$ref", {"@odata.id": address}, version=None)
    done = {"group": found["id"], "member": wanted["id"]}
    show.emit(done, output, lambda _: show.line(f"{who} is in {name}."))


@member.command("list", epilog="Example:  oob identity group member list Operators")
@click.argument("name", shell_complete=names.complete_group)
@options.common
def member_list(name: str, state: StateDir, output: str) -> None:
    """Who is directly in the group NAME."""
    with options.sign_in(state) as client:
        path = names.one(client, GROUPS, names.group_of(client, name)["id"])
        found = list(client.list(f"{path}/members", version=None))
    show.emit(found, output, _members)


@member.command("remove", epilog="Example:  oob identity group member remove Operators ada")
@click.argument("name", shell_complete=names.complete_group)
@click.argument("who")
@options.common
def member_remove(name: str, who: str, state: StateDir, output: str) -> None:
    """Take WHO out of the group NAME: from the next request on WHO has nothing by it."""
    with options.sign_in(state) as client:
        found, wanted = names.group_of(client, name), names.anybody(client, who)
        path = names.one(client, GROUPS, found["id"])
        client.delete(f"{path}/members/{wanted['id']}/$ref", version=None)
    done = {"group": found["id"], "member": wanted["id"], "removed": True}
    show.emit(done, output, lambda _: show.line(f"{who} is no longer in {name}."))


def _members(found: list[dict[str, Any]]) -> None:
    lines = [
        (
            each.get("userPrincipalName") or each["displayName"],
            _WORDS.get(each["@odata.type"].rpartition(".")[2], ""),
            each["id"],
        )
        for each in found
    ]
    show.rows(["MEMBER", "KIND", "ID"], lines, empty="Nobody is in it.")


def _nickname(name: str) -> str:
    """Graph wants one; there is no mail here."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:64] or "group"
