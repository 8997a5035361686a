"""`oob identity session`, `policy` and `user factors|reset-factors`: where people are signed in, what they
prove it with, and what the tenant requires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from outofband.cli import options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

API = "/account/api"


def own_or(user: str | None) -> str:
    """The address of one's own account, or of somebody's."""
    return API if user is None else f"{API}/users/{quote(user, safe='@')}"


def complete_user(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """As that of `oob identity user`, which is above this."""
    from outofband.cli.identity import complete_user as complete

    return complete(ctx, parameter, incomplete)


def complete_session(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Ids of sign-ins from the server, as `options.complete_vm`."""

    def names(client: ArmClient) -> list[str]:
        found = client.get(f"{own_or(ctx.params.get('user'))}/sessions", version=None)
        return [each["id"] for each in found["value"]]

    return [each for each in options.complete(ctx, names) if each.startswith(incomplete)]


@click.group()
def session() -> None:
    """Where people are signed in. Without --user it is about yourself."""


@session.command(
    "list", epilog="Examples:  oob identity session list   ·   oob identity session list --user ada"
)
@click.option(
    "--user", metavar="NAME", shell_complete=complete_user, help="Whose sign-ins.  [default: your own]"
)
@options.common
def list_(user: str | None, state: StateDir, output: str) -> None:
    """When, from where, with which client and factors, and when it was used last."""
    with options.sign_in(state) as client:
        found = client.get(f"{own_or(user)}/sessions", version=None)["value"]

    def table(sessions: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["client"]["name"] if each["client"] else "browser",
                each["address"],
                "+".join(each["methods"]),
                each["started"][:16].replace("T", " "),
                (each["lastUsed"] or "")[:16].replace("T", " "),
                "this one" if each["current"] else "",
                each["id"],
            )
            for each in sessions
        ]
        head = ["CLIENT", "ADDRESS", "PROVED BY", "SINCE (UTC)", "LAST USED", "", "ID"]
        show.rows(head, lines, empty="There are no sign-ins.")

    show.emit(found, output, table)


@session.command(epilog="Example:  oob identity session revoke --all --user ada")
@click.argument("session_id", metavar="[ID]", required=False, shell_complete=complete_session)
@click.option(
    "--user", metavar="NAME", shell_complete=complete_user, help="Whose sign-ins.  [default: your own]"
)
@click.option("--others", is_flag=True, help="All of your own but the one this command uses.")
@click.option("--all", "everywhere", is_flag=True, help="All of them: sign out everywhere.")
@options.common
def revoke(
    session_id: str | None, user: str | None, others: bool, everywhere: bool, state: StateDir, output: str
) -> None:
    """End the sign-in ID with all that came of it, consoles too; or --others, or --all."""
    if sum((session_id is not None, others, everywhere)) != 1:
        raise click.UsageError("say which: an ID, --others or --all")
    if others and user is not None:
        raise click.UsageError("--others is about yourself; for somebody else there is --all")
    with options.sign_in(state) as client:
        if others:
            told = client.post(f"{API}/sessions/endOthers", {}, version=None)
            show.emit(told, output, lambda it: show.line(f"{it['ended']} other sign-ins have ended."))
        elif everywhere:
            who = "me" if user is None else f"users/{quote(user, safe='@')}"
            client.post(f"/v1.0/{who}/revokeSignInSessions", {}, version=None)
            show.emit({"ended": True}, output, lambda _: show.line("Every sign-in has ended."))
        else:
            client.delete(f"{own_or(user)}/sessions/{quote(session_id or '', safe='')}", version=None)
            show.emit({"ended": True}, output, lambda _: show.line("The sign-in has ended."))


@click.group()
def policy() -> None:
    """What the tenant requires of everybody who signs in. Programs with a secret are not asked."""


@policy.command("show", epilog="Example:  oob identity policy show -o json")
@options.common
def show_(state: StateDir, output: str) -> None:
    """Whether a second factor is required, since when and by whom."""
    with options.sign_in(state) as client:
        found = client.get(f"{API}/policy", version=None)
    show.emit(found, output, _told)


@policy.command("set", epilog="Example:  oob identity policy set --require-mfa")
@click.option(
    "--require-mfa/--no-require-mfa", required=True, help="Ask everybody for a second factor, or not."
)
@options.common
def set_(require_mfa: bool, state: StateDir, output: str) -> None:
    """Require a second factor. It holds at once: for the portal, the API, `az`, and consoles that are open.

    Who has none yet is led through setting one up at the next sign-in.
    """
    with options.sign_in(state) as client:
        found = client.put(f"{API}/policy", {"requireMfa": require_mfa}, version=None)
    show.emit(found, output, _told)


def _told(found: dict[str, Any]) -> None:
    show.facts(
        {
            "second factor": "required" if found["requireMfa"] else "not required",
            "changed": found["changed"] or "never",
            "by": found["changedBy"] or "",
        }
    )


@click.command(epilog="Examples:  oob identity user factors   ·   oob identity user factors ada")
@click.argument("name", required=False, shell_complete=complete_user)
@options.common
def factors(name: str | None, state: StateDir, output: str) -> None:
    """The second factors of NAME, or your own. They are set up in a browser, on `/account/factors`."""
    with options.sign_in(state) as client:
        found = client.get(f"{own_or(name)}/factors", version=None)

    def table(told: dict[str, Any]) -> None:
        lines = [
            (each["name"], each["kind"], each["host"] or "", each["created"][:16].replace("T", " "))
            for each in told["value"]
        ]
        show.rows(["NAME", "KIND", "FOR", "ADDED (UTC)"], lines, empty="There is no second factor.")
        show.note(f"Recovery codes left: {told['recoveryCodes']}.")

    show.emit(found, output, table)


@click.command(
    "reset-factors", epilog="Example:  oob identity user reset-factors ada --reason 'lost the phone'"
)
@click.argument("name", shell_complete=complete_user)
@click.option("--reason", default="", help="Why, for the activity log.")
@options.common
def reset_factors(name: str, reason: str, state: StateDir, output: str) -> None:
    """Remove all second factors and recovery codes of NAME, who lost them. Ends NAME's sign-ins."""
    with options.sign_in(state) as client:
        client.post(f"{own_or(name)}/resetFactors", {"reason": reason}, version=None)
    words = f"{name} has no second factor any more."
    show.emit({"user": name, "factors": 0}, output, lambda _: show.line(words))
