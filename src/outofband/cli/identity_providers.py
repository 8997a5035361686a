"""`oob identity provider`: providers of others that people sign in through, and who is who there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from outofband.cli import identity_names as names
from outofband.cli import options
from outofband.cli import output as show

if TYPE_CHECKING:
    from collections.abc import Callable

    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

PROVIDERS = "/directory/identityProviders"
MAX_FILE = 64 * 1024
MAX_SECRET = 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LISTS = {
    "scopes": "scopes",
    "allowed_groups": "allowedGroups",
    "allowed_domains": "allowedDomains",
    "second_factor": "secondFactor",
}


def path_of(name: str) -> str:
    return f"{PROVIDERS}/{quote(name, safe='')}"


def complete_provider(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names from the server, as `options.complete_vm`."""
    found = options.complete(
        ctx, lambda client: [each["name"] for each in client.get(PROVIDERS, version=None)["value"]]
    )
    return [each for each in found if each.lower().startswith(incomplete.lower())]


def complete_user(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """As that of `oob identity user`, which is above this."""
    from outofband.cli.identity import complete_user as complete

    return complete(ctx, parameter, incomplete)


@click.group("provider")
def provider_group() -> None:
    """Providers of others that people sign in through (OpenID Connect). NAME is what its button says."""


def _said(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `create` and `update` may say of a provider; the secret is never an argument."""
    for option in (
        click.option(
            "--enable/--disable", "enabled", default=None, help="Whether people can sign in through it."
        ),
        click.option(
            "--ca", type=_FILE, help="PEM of the authority it is trusted by.  [default: the system's]"
        ),
        click.option(
            "--second-factor",
            multiple=True,
            metavar="CLAIM=WORD",
            help="amr=WORD or acr=WORD that counts as a second factor here. Repeatable.",
        ),
        click.option(
            "--allow-domain",
            "allowed_domains",
            multiple=True,
            help="Let in verified addresses of it only. Repeatable.",
        ),
        click.option(
            "--allow-group", "allowed_groups", multiple=True, help="Let in who is in it there. Repeatable."
        ),
        click.option(
            "--map",
            "mapped",
            multiple=True,
            metavar="THEIRS=OURS",
            help="Who is in the group THEIRS there is in OURS here. Repeatable.",
        ),
        click.option("--groups-claim", help="The claim with the groups, for example groups."),
        click.option("--name-claim", help="What new users are called.  [default: preferred_username]"),
        click.option(
            "--scope",
            "scopes",
            multiple=True,
            help="What to ask for.  [default: openid profile email] Repeatable.",
        ),
        click.option(
            "--create-users/--no-create-users",
            default=None,
            help="Make users at their first sign-in; else they are invited or link it.  [default: no]",
        ),
        click.option("--public", is_flag=True, help="It has no secret: PKCE alone."),
        click.option("--secret-stdin", is_flag=True, help="Read the client secret from standard input."),
        click.option("--secret-file", type=_FILE, help="Read the client secret from a file."),
    ):
        function = option(function)
    return function


@provider_group.command(
    epilog="Examples:  oob identity provider create Corp --issuer https://login.example.org --client-id oob"
    "   ·   oob identity provider create Corp --issuer … --client-id … --secret-stdin --groups-claim groups "
    "--map ops=Operators"
)
@click.argument("name")
@click.option("--issuer", required=True, help="As the provider writes it, https://…")
@click.option("--client-id", required=True, help="What this control plane is called there.")
@_said
@options.common
def create(
    name: str,
    issuer: str,
    client_id: str,
    state: StateDir,
    output: str,
    secret_file: Path | None,
    secret_stdin: bool,
    public: bool,
    **said: Any,
) -> None:
    """Register the provider NAME. Its client secret is asked for, or comes from a file, or there is none."""
    secret = _secret(secret_file, secret_stdin, public, asks=True)
    body = {"name": name, "issuer": issuer, "clientId": client_id}
    if secret is not None:
        body["clientSecret"] = secret
    with options.sign_in(state) as client:
        made = client.post(PROVIDERS, body | _body(client, said), version=None)

    def table(it: dict[str, Any]) -> None:
        show.line(f"{name} is registered.")
        show.note("Register one of these redirect addresses there, for each address that people use:")
        for each in it["redirectUris"]:
            show.line(f"  {each}")
        show.note(f"Then: oob identity provider test {name}")

    show.emit(made, output, table)


@provider_group.command("list", epilog="Example:  oob identity provider list -o json")
@options.common
def list_(state: StateDir, output: str) -> None:
    """Which providers there are."""
    with options.sign_in(state) as client:
        found = client.get(PROVIDERS, version=None)["value"]

    def table(providers: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["name"],
                "yes" if each["enabled"] else "no",
                "at first sign-in" if each["createUsers"] else "invited or linked",
                each["issuer"],
                each["id"],
            )
            for each in providers
        ]
        show.rows(["NAME", "ENABLED", "USERS", "ISSUER", "ID"], lines, empty="There are no providers.")

    show.emit(found, output, table)


@provider_group.command("show", epilog="Example:  oob identity provider show Corp")
@click.argument("name", shell_complete=complete_provider)
@options.common
def show_(name: str, state: StateDir, output: str) -> None:
    """What is known of the provider NAME, and the addresses that it answers at."""
    with options.sign_in(state) as client:
        found = client.get(path_of(name), version=None)
        groups = {each["id"]: each["displayName"] for each in client.list(names.GROUPS, version=None)}

    def table(it: dict[str, Any]) -> None:
        mapped = [f"{each['external']}={groups.get(each['group'], each['group'])}" for each in it["groupMap"]]
        show.facts(
            {
                "name": it["name"],
                "enabled": "yes" if it["enabled"] else "no",
                "issuer": it["issuer"],
                "client id": it["clientId"],
                "client secret": "set" if it["hasSecret"] else "none: PKCE alone",
                "scopes": " ".join(it["scopes"]),
                "users": "made at their first sign-in" if it["createUsers"] else "invited or linked",
                "called by": it["nameClaim"],
                "groups in": it["groupsClaim"] or "",
                "groups": ", ".join(mapped),
                "lets in groups": ", ".join(it["allowedGroups"]),
                "lets in domains": ", ".join(it["allowedDomains"]),
                "second factor": ", ".join(it["secondFactor"]) or "its own is asked for here",
                "trusted by": "an authority of its own" if it["ca"] else "the system's authorities",
                "changed": f"{it['changed'][:16].replace('T', ' ')} by {it['changedBy']}",
                "redirect addresses": " ".join(it["redirectUris"]),
                "id": it["id"],
            }
        )

    show.emit(found, output, table)


@provider_group.command(
    epilog="Examples:  oob identity provider update Corp --secret-stdin < secret   ·   "
    "oob identity provider update Corp --disable"
)
@click.argument("name", shell_complete=complete_provider)
@click.option("--rename", help="Another name.")
@click.option("--issuer", help="Another issuer: links of the old one end.")
@click.option("--client-id", help="Another client id.")
@click.option("--ask-secret", is_flag=True, help="Ask for another client secret.")
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(["map", "allow-group", "allow-domain", "second-factor", "ca", "groups-claim"]),
    help="Have none of these any more. Repeatable.",
)
@_said
@options.common
def update(
    name: str,
    rename: str | None,
    issuer: str | None,
    client_id: str | None,
    ask_secret: bool,
    clear: tuple[str, ...],
    state: StateDir,
    output: str,
    secret_file: Path | None,
    secret_stdin: bool,
    public: bool,
    **said: Any,
) -> None:
    """Change the provider NAME; what is not named stays, what can be repeated is replaced as a whole.

    Switched off, nobody signs in through it, who did is signed out, and groups that it gave are taken back.
    """
    body: dict[str, Any] = {
        member: value
        for member, value in {"name": rename, "issuer": issuer, "clientId": client_id}.items()
        if value is not None
    }
    secret = _secret(secret_file, secret_stdin, public, asks=ask_secret)
    if secret is not None or public:
        body["clientSecret"] = secret
    empty: dict[str, Any] = {
        "map": ("groupMap", []),
        "allow-group": ("allowedGroups", []),
        "allow-domain": ("allowedDomains", []),
        "second-factor": ("secondFactor", []),
        "ca": ("ca", None),
        "groups-claim": ("groupsClaim", None),
    }
    body |= dict(empty[each] for each in clear)
    with options.sign_in(state) as client:
        body |= _body(client, said)
        if not body:
            raise click.UsageError("say what to change")
        found = client.patch(path_of(name), body, version=None)
    show.emit(found, output, lambda _: show.line(f"{found['name']} is changed."))


@provider_group.command(epilog="Example:  oob identity provider delete Corp --yes")
@click.argument("name", shell_complete=complete_provider)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def delete(name: str, yes: bool, state: StateDir, output: str) -> int:
    """Remove the provider NAME, who is linked to it, and the groups that it gave. Users stay."""
    with options.sign_in(state) as client:
        found = client.get(path_of(name), version=None)
        question = f"Remove {found['name']}? Who has no other way to sign in cannot sign in any more."
        if not names.confirmed(question, yes):
            return names.EXIT_DECLINED
        client.delete(path_of(found["id"]), version=None)
    done = {"provider": found["id"], "removed": True}
    show.emit(done, output, lambda _: show.line(f"{found['name']} is removed."))
    return 0


@provider_group.command(epilog="Example:  oob identity provider test Corp")
@click.argument("name", shell_complete=complete_provider)
@options.common
def test(name: str, state: StateDir, output: str) -> None:
    """Ask the provider NAME for its configuration and its keys. Nobody is signed in by it."""
    with options.sign_in(state) as client:
        found = client.post(f"{path_of(name)}/test", {}, version=None)

    def table(it: dict[str, Any]) -> None:
        show.facts(
            {
                "issuer": it["issuer"],
                "sign-in page": it["authorizationEndpoint"],
                "tokens": it["tokenEndpoint"],
                "about people": it["userinfoEndpoint"] or "",
                "keys": str(it["keys"]),
                "says who answers": "yes" if it["sendsIssuer"] else "no",
            }
        )
        show.note("The provider answers. Client id and secret show at the first sign-in.")

    show.emit(found, output, table)


@provider_group.command(epilog="Example:  oob identity provider links Corp")
@click.argument("name", shell_complete=complete_provider)
@options.common
def links(name: str, state: StateDir, output: str) -> None:
    """Who is who at the provider NAME, and who is invited."""
    with options.sign_in(state) as client:
        found = client.get(f"{path_of(name)}/links", version=None)["value"]

    def table(every: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["userPrincipalName"],
                each["label"],
                each["subject"] or "(invited)",
                (each["lastUsed"] or "never")[:16].replace("T", " "),
                each["id"],
            )
            for each in every
        ]
        show.rows(["USER", "THERE", "SUBJECT", "LAST USED (UTC)", "ID"], lines, empty="Nobody is linked.")

    show.emit(found, output, table)


@provider_group.command(
    epilog="Examples:  oob identity provider invite Corp ada --email ada@example.org   ·   "
    "oob identity provider invite Corp ada --subject 24400320 --drop-password"
)
@click.argument("name", shell_complete=complete_provider)
@click.argument("user", shell_complete=complete_user)
@click.option("--email", help="Whoever first comes with this address, verified by the provider.")
@click.option("--subject", help="Whoever the provider calls so (claim sub).")
@click.option("--drop-password", is_flag=True, help="The user signs in through providers only from now on.")
@options.common
def invite(
    name: str,
    user: str,
    email: str | None,
    subject: str | None,
    drop_password: bool,
    state: StateDir,
    output: str,
) -> None:
    """Let USER sign in through the provider NAME, as who is said by --email or --subject."""
    if (email is None) == (subject is None):
        raise click.UsageError("say who it is there: --email or --subject")
    who = {"email": email} if email is not None else {"subject": subject}
    body = {"user": user, **who, "dropPassword": drop_password}
    with options.sign_in(state) as client:
        made = client.post(f"{path_of(name)}/links", body, version=None)
    words = f"{made['userPrincipalName']} can sign in through {name} as {made['label']}."
    show.emit(made, output, lambda _: show.line(words))


@provider_group.command(epilog="Example:  oob identity provider unlink Corp 7c9e6679-7425-40de-…")
@click.argument("name", shell_complete=complete_provider)
@click.argument("link_id", metavar="ID")
@options.common
def unlink(name: str, link_id: str, state: StateDir, output: str) -> None:
    """Undo the link ID of the provider NAME; sign-ins that came by it end."""
    with options.sign_in(state) as client:
        client.delete(f"{path_of(name)}/links/{quote(link_id, safe='')}", version=None)
    show.emit({"link": link_id, "removed": True}, output, lambda _: show.line("The link is undone."))


def _body(client: ArmClient, said: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, by the API's names."""
    plain = {
        "name_claim": "nameClaim",
        "groups_claim": "groupsClaim",
        "create_users": "createUsers",
        "enabled": "enabled",
    }
    body: dict[str, Any] = {there: said[here] for here, there in plain.items() if said[here] is not None}
    body |= {there: list(said[here]) for here, there in _LISTS.items() if said[here]}
    if said["mapped"]:
        body["groupMap"] = [_mapped(client, each) for each in said["mapped"]]
    if said["ca"] is not None:
        with said["ca"].open("rb") as opened:
            body["ca"] = opened.read(MAX_FILE).decode("ascii", "replace")
    return body


def _mapped(client: ArmClient, text: str) -> dict[str, str]:
    theirs, equals, ours = text.rpartition("=")
    if not equals or not theirs or not ours:
        raise click.UsageError(f"--map wants THEIRS=OURS, not '{text}'")
    return {"external": theirs, "group": names.group_of(client, ours)["id"]}


def _secret(file: Path | None, stdin: bool, public: bool, *, asks: bool) -> str | None:
    """The client secret from where it was said to be, without the line's end."""
    if sum((file is not None, stdin, public)) > 1:
        raise click.UsageError("one of --secret-file, --secret-stdin and --public")
    if file is not None:
        with file.open("r") as opened:
            return opened.read(MAX_SECRET + 2).rstrip("\r\n")
    if stdin:
        return sys.stdin.read(MAX_SECRET + 2).rstrip("\r\n")
    if public or not asks:
        return None
    if not show.interactive():
        raise click.UsageError(
            "without a terminal the secret comes by --secret-file or --secret-stdin, or --public"
        )
    return str(click.prompt("Client secret", hide_input=True, err=True))
