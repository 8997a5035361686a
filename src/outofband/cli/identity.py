"""`oob identity`: who may sign in, and the way back in when the last password is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from outofband.cli import identity_access, options
from outofband.cli import output as show
from outofband.cli.identity_clients import client_group
from outofband.cli.identity_document import bring, export
from outofband.cli.identity_groups import group
from outofband.cli.identity_names import EXIT_DECLINED, USERS, assign, complete_role, definition
from outofband.cli.identity_providers import provider_group
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


def path_of(user: str) -> str:
    """Of a user, by sign-in name or id."""
    return f"{USERS}/{quote(user, safe='@')}"


def complete_user(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Sign-in names from the server, as `options.complete_vm`."""
    begun = incomplete.replace("'", "''")
    where = {"$filter": f"startswith(userPrincipalName,'{begun}')"} if begun else {}
    return options.complete(
        ctx,
        lambda client: [each["userPrincipalName"] for each in client.list(USERS, version=None, **where)],
    )


@click.group()
def identity() -> None:
    """Manage who may sign in; let an administrator in again.

    \b
    On the control plane's own host:  oob identity recover
    """


@identity.command(epilog="Examples:  oob identity recover   ·   oob identity recover --user ada")
@click.option("--user", metavar="NAME", help="Whose account.  [default: the first administrator]")
@click.option(
    "--clear-factors",
    is_flag=True,
    help="Remove the account's second factors and recovery codes too: phone and keys are lost.",
)
@options.common
def recover(user: str | None, clear_factors: bool, state: StateDir, output: str) -> None:
    """Make a new password for an administrator, on the control plane's own host.

    Works on the store itself, while the control plane runs or not, so nobody has to be able to sign in. Lifts
    the lock of the account, switches it on, ends its sign-ins, and makes it Owner of everything when nobody
    else is. The password is shown once and has to be changed at the next sign-in.
    """
    import msgspec

    try:
        from outofband.server.recovery import recover as run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outofband"):
            raise
        raise Fault("ExtraMissing", module=error.name, extra="server") from error

    done = run(state, user, clear_factors=clear_factors)

    def table(_: object) -> None:
        _shown_once(done.name, done.password)
        found = {
            "It was locked; the lock is lifted.": done.locked,
            "It was disabled; it is enabled again.": done.disabled,
            "Nobody was Owner of everything any more; this account is now.": done.owner,
            f"Its sign-ins were ended: {done.sessions}.": done.sessions,
            f"Its second factors were removed: {done.factors}.": done.factors,
        }
        for words, so in found.items():
            if so:
                show.note(words)

    show.emit(msgspec.to_builtins(done), output, table)


identity.add_command(group)
identity.add_command(export)
identity.add_command(bring)
identity.add_command(client_group)
identity.add_command(provider_group)


@identity.group()
def user() -> None:
    """The people who may sign in. NAME is a sign-in name, with or without the @ part, or an object id."""


@user.command(
    epilog="Examples:  oob identity user add ada   ·   oob identity user add bob --role Reader --scope /"
)
@click.argument("name")
@click.option("--name", "display_name", help="How the person is shown.  [default: the sign-in name]")
@click.option("--role", shell_complete=complete_role, help="Role to give, by name or id.")
@click.option("--scope", help="Where the role holds: an id, / for everything.  [default: the subscription]")
@options.common
def add(
    name: str, display_name: str | None, role: str | None, scope: str | None, state: StateDir, output: str
) -> None:
    """Make an account for NAME. Its password is shown once, and has to be changed at the first sign-in."""
    if scope and not role:
        raise click.UsageError("--scope says where a --role holds")
    body = {"userPrincipalName": name, "displayName": display_name or name.partition("@")[0]}
    with options.sign_in(state) as client:
        place = scope or client.subscription if role else ""
        # Before anything is made: a role that is mistyped is mistyped for nobody.
        wanted = definition(client, place, role) if role else None
        made = client.post(USERS, body, version=None)
        lacking: Fault | None = None
        try:
            if wanted:
                assign(client, place, wanted, made["id"], "User")
        except Fault as fault:
            # The password has to be told all the same: nobody sees it again.
            lacking = fault
    given = f"{role} on {place}" if wanted and lacking is None else None
    show.emit(made, output, lambda it: _made(it, given))
    if lacking is not None:
        raise lacking


@user.command("list", epilog="Example:  oob identity user list -o json")
@options.common
def list_(state: StateDir, output: str) -> None:
    """Who may sign in."""
    with options.sign_in(state) as client:
        found = list(client.list(USERS, version=None))

    def table(people: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["userPrincipalName"],
                each["displayName"],
                "yes" if each["accountEnabled"] else "no",
                each["id"],
            )
            for each in people
        ]
        show.rows(["NAME", "SHOWN AS", "ENABLED", "ID"], lines, empty="There are no people.")

    show.emit(found, output, table)


@user.command(epilog="Example:  oob identity user disable ada")
@click.argument("name", shell_complete=complete_user)
@options.common
def disable(name: str, state: StateDir, output: str) -> None:
    """Switch NAME off: signed out everywhere at once, open consoles included."""
    _switch(state, output, name, False, f"{name} is disabled.")


@user.command(epilog="Example:  oob identity user enable ada")
@click.argument("name", shell_complete=complete_user)
@options.common
def enable(name: str, state: StateDir, output: str) -> None:
    """Switch NAME on again."""
    _switch(state, output, name, True, f"{name} is enabled.")


@user.command(epilog="Example:  oob identity user remove ada --yes")
@click.argument("name", shell_complete=complete_user)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def remove(name: str, yes: bool, state: StateDir, output: str) -> int:
    """Remove NAME with all its roles. This cannot be undone; `disable` can."""
    if not yes:
        if not show.interactive():
            raise click.UsageError("without a terminal, removing needs --yes")
        if not click.confirm(f"Remove {name} and all roles it has?", err=True):
            show.say("Nobody was removed.")
            return EXIT_DECLINED
    with options.sign_in(state) as client:
        client.delete(path_of(name), version=None)
    show.emit({"user": name, "removed": True}, output, lambda _: show.line(f"{name} is removed."))
    return 0


@user.command("reset-password", epilog="Example:  oob identity user reset-password ada")
@click.argument("name", shell_complete=complete_user)
@options.common
def reset_password(name: str, state: StateDir, output: str) -> None:
    """Make a new password for NAME, shown once, to be changed at the next sign-in. Ends its sign-ins."""
    with options.sign_in(state) as client:
        told = client.patch(path_of(name), {"passwordProfile": {}}, version=None)
    password = told["passwordProfile"]["password"]
    show.emit({"user": name, "password": password}, output, lambda _: _shown_once(name, password))


identity.add_command(identity_access.session)
identity.add_command(identity_access.policy)
user.add_command(identity_access.factors)
user.add_command(identity_access.reset_factors)


def _switch(state: StateDir, output: str, name: str, enabled: bool, words: str) -> None:
    with options.sign_in(state) as client:
        client.patch(path_of(name), {"accountEnabled": enabled}, version=None)
    show.emit({"user": name, "enabled": enabled}, output, lambda _: show.line(words))


def _made(made: dict[str, Any], role: str | None) -> None:
    _shown_once(made["userPrincipalName"], made["passwordProfile"]["password"])
    if role is None:
        show.note("The account has no role yet: give it one with --role, or in the portal under Access.")
    else:
        show.note(f"Role: {role}.")


def _shown_once(name: str, password: str) -> None:
    show.facts({"user name": name, "password": password})
    show.note("The password is shown this once, and has to be changed at the next sign-in.")
