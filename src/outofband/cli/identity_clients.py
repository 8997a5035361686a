"""`oob identity client`: programs that sign in by themselves, with secrets or certificates."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import identity_names as names
from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.identity_names import APPLICATIONS, PROGRAMS
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

MAX_DAYS = 3650
MAX_FILE = 64 * 1024
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")
_DAYS = click.IntRange(1, MAX_DAYS)


@click.group("client")
def client_group() -> None:
    """Programs that sign in by themselves. NAME is a client's name, or its client id."""


@client_group.command(
    epilog="Examples:  oob identity client add backup --role Reader   ·   "
    "oob identity client add deploy --certificate deploy.pem"
)
@click.argument("name")
@click.option("--role", shell_complete=names.complete_role, help="Role to give, by name or id.")
@click.option("--scope", help="Where the role holds: an id, / for everything.  [default: the subscription]")
@click.option("--days", type=_DAYS, default=365, show_default=True, help="How long its secret is good.")
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A certificate that proves it, in place of a secret.",
)
@options.common
def add(
    name: str,
    role: str | None,
    scope: str | None,
    days: int,
    certificate: Path | None,
    state: StateDir,
    output: str,
) -> None:
    """Make the client NAME, with a secret that is shown once, or with a certificate."""
    if scope and not role:
        raise click.UsageError("--scope says where a --role holds")
    body: dict[str, Any] = {"displayName": name}
    if certificate is not None:
        body["keyCredentials"] = [{"key": _public(certificate)}]
    with options.sign_in(state) as client:
        place = scope or client.subscription if role else ""
        # Before anything is made: a role that is mistyped is mistyped for nobody.
        wanted = names.definition(client, place, role) if role else None
        made = client.post(APPLICATIONS, body, version=None)
        told = {"clientId": made["appId"], "tenant": client.profile.tenant_id, "displayName": name}
        lacking: Fault | None = None
        try:
            if certificate is None:
                told["secret"] = _secret(client, made["id"], "first", days)["secretText"]
            program = client.post(PROGRAMS, {"appId": made["appId"]}, version=None)
            told["objectId"] = program["id"]
            if wanted:
                names.assign(client, place, wanted, program["id"], "ServicePrincipal")
        except Fault as fault:
            # The secret has to be told all the same: nobody sees it again.
            lacking = fault

    def table(it: dict[str, Any]) -> None:
        show.facts({"client id": it["clientId"], "tenant": it["tenant"], "secret": str(it.get("secret", ""))})
        if "secret" in it:
            show.note(f"The secret is shown this once, and is good for {days} days.")
        if wanted is None or lacking is not None:
            show.note("It has no role yet: give it one with --role, or in the portal under Access.")

    show.emit(told, output, table)
    if lacking is not None:
        raise lacking


@client_group.command("list", epilog="Example:  oob identity client list -o json")
@options.common
def list_(state: StateDir, output: str) -> None:
    """Which clients there are."""
    with options.sign_in(state) as client:
        found = list(client.list(APPLICATIONS, version=None))
        enabled = {each["appId"]: each["accountEnabled"] for each in client.list(PROGRAMS, version=None)}
    found.sort(key=lambda each: (each["displayName"].lower(), each["appId"]))

    def table(clients: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["displayName"],
                {True: "yes", False: "no", None: "never"}[enabled.get(each["appId"])],
                str(len(each["passwordCredentials"])),
                str(len(each["keyCredentials"])),
                each["appId"],
            )
            for each in clients
        ]
        titles = ["NAME", "ENABLED", "SECRETS", "CERTIFICATES", "CLIENT ID"]
        show.rows(titles, lines, empty="There are no clients.")

    show.emit(found, output, table)


@client_group.command("show", epilog="Example:  oob identity client show backup")
@click.argument("name", shell_complete=names.complete_client)
@options.common
def show_(name: str, state: StateDir, output: str) -> None:
    """What the client NAME is and by what it proves itself."""
    with options.sign_in(state) as client:
        found = names.application_of(client, name)
        program = names.program_of(client, found["appId"])
    whole = found | {"servicePrincipal": program}

    def table(it: dict[str, Any]) -> None:
        show.facts(
            {
                "name": it["displayName"],
                "client id": it["appId"],
                "object id": program["id"] if program else "",
                "enabled": "never" if program is None else "yes" if program["accountEnabled"] else "no",
            }
        )
        holders = [it, *([program] if program else [])]
        _secrets([each for holder in holders for each in holder["passwordCredentials"]])
        _certificates([each for holder in holders for each in holder["keyCredentials"]])

    show.emit(whole, output, table)


@client_group.command(epilog="Example:  oob identity client disable backup")
@click.argument("name", shell_complete=names.complete_client)
@options.common
def disable(name: str, state: StateDir, output: str) -> None:
    """Switch the client NAME off: its tokens are refused at their next use."""
    _switch(name, False, state, output)


@client_group.command(epilog="Example:  oob identity client enable backup")
@click.argument("name", shell_complete=names.complete_client)
@options.common
def enable(name: str, state: StateDir, output: str) -> None:
    """Switch the client NAME on again."""
    _switch(name, True, state, output)


@client_group.command(epilog="Example:  oob identity client remove backup --yes")
@click.argument("name", shell_complete=names.complete_client)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def remove(name: str, yes: bool, state: StateDir, output: str) -> int:
    """Remove the client NAME with its secrets, certificates and roles. `disable` can be undone."""
    with options.sign_in(state) as client:
        found = names.application_of(client, name)
        if not names.confirmed(f"Remove {found['displayName']} and all roles it has?", yes):
            return names.EXIT_DECLINED
        client.delete(names.one(client, APPLICATIONS, found["id"]), version=None)
    done = {"client": found["appId"], "removed": True}
    show.emit(done, output, lambda _: show.line(f"{name} is removed."))
    return 0


@client_group.group()
def secret() -> None:
    """The secrets of a client. Several may be good at once, so that one follows another without a break."""


@secret.command("add", epilog="Example:  oob identity client secret add backup --days 90 --label 'host b1'")
@click.argument("name", shell_complete=names.complete_client)
@click.option("--days", type=_DAYS, default=365, show_default=True, help="How long it is good.")
@click.option("--label", default="", help="What it is for.")
@options.common
def secret_add(name: str, days: int, label: str, state: StateDir, output: str) -> None:
    """Make one more secret for the client NAME, shown once."""
    with options.sign_in(state) as client:
        found = names.application_of(client, name)
        made = _secret(client, found["id"], label, days)

    def table(it: dict[str, Any]) -> None:
        show.facts({"client id": found["appId"], "secret": it["secretText"], "id": it["keyId"]})
        show.note(f"The secret is shown this once, and is good for {days} days.")

    show.emit(made | {"clientId": found["appId"]}, output, table)


@secret.command("list", epilog="Example:  oob identity client secret list backup")
@click.argument("name", shell_complete=names.complete_client)
@options.common
def secret_list(name: str, state: StateDir, output: str) -> None:
    """The secrets of the client NAME: how they begin and until when they are good."""
    with options.sign_in(state) as client:
        found = [
            each
            for holder, _ in _holders(client, names.application_of(client, name))
            for each in holder["passwordCredentials"]
        ]
    show.emit(found, output, _secrets)


@secret.command("remove", epilog="Example:  oob identity client secret remove backup 7c9e6679-7425-40de-…")
@click.argument("name", shell_complete=names.complete_client)
@click.argument("secret_id", metavar="ID")
@options.common
def secret_remove(name: str, secret_id: str, state: StateDir, output: str) -> None:
    """Take back the secret ID of the client NAME; tokens that were given for it end too."""
    with options.sign_in(state) as client:
        for holder, path in _holders(client, names.application_of(client, name)):
            if any(each["keyId"] == secret_id.lower() for each in holder["passwordCredentials"]):
                client.post(f"{path}/removePassword", {"keyId": secret_id}, version=None)
                break
        else:
            raise Fault("CredentialNotFound", id=secret_id)
    done = {"secret": secret_id, "removed": True}
    show.emit(done, output, lambda _: show.line(f"The secret of {name} is taken back."))


@client_group.group()
def certificate() -> None:
    """The certificates of a client. Only the public part is kept here."""


@certificate.command("add", epilog="Example:  oob identity client certificate add deploy deploy.pem")
@click.argument("name", shell_complete=names.complete_client)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--days", type=_DAYS, help="How long it is good.  [default: as the certificate says]")
@click.option("--label", help="What it is for.  [default: the name in the certificate]")
@options.common
def certificate_add(
    name: str, file: Path, days: int | None, label: str | None, state: StateDir, output: str
) -> None:
    """Let the certificate in FILE prove the client NAME. A private key in FILE stays where it is."""
    wanted: dict[str, Any] = {"key": _public(file), "displayName": label}
    if days is not None:
        wanted["endDateTime"] = _end(days)
    with options.sign_in(state) as client:
        found = names.application_of(client, name)
        path = names.one(client, APPLICATIONS, found["id"])
        kept = [{"keyId": each["keyId"]} for each in found["keyCredentials"]]
        client.patch(path, {"keyCredentials": [*kept, wanted]}, version=None)
        there = {each["keyId"] for each in found["keyCredentials"]}
        now = client.get(path, version=None)["keyCredentials"]
        made = next(each for each in now if each["keyId"] not in there)

    def table(it: dict[str, Any]) -> None:
        show.facts({"client id": found["appId"], "thumbprint": it["customKeyIdentifier"], "id": it["keyId"]})

    show.emit(made | {"clientId": found["appId"]}, output, table)


@certificate.command("list", epilog="Example:  oob identity client certificate list deploy")
@click.argument("name", shell_complete=names.complete_client)
@options.common
def certificate_list(name: str, state: StateDir, output: str) -> None:
    """The certificates of the client NAME: their thumbprints and until when they are good."""
    with options.sign_in(state) as client:
        found = [
            each
            for holder, _ in _holders(client, names.application_of(client, name))
            for each in holder["keyCredentials"]
        ]
    show.emit(found, output, _certificates)


@certificate.command(
    "remove", epilog="Example:  oob identity client certificate remove deploy 7c9e6679-7425-40de-…"
)
@click.argument("name", shell_complete=names.complete_client)
@click.argument("certificate_id", metavar="ID")
@options.common
def certificate_remove(name: str, certificate_id: str, state: StateDir, output: str) -> None:
    """Take back the certificate ID of the client NAME. ID may be its thumbprint."""
    wanted = (certificate_id.lower(), certificate_id.upper().replace(":", ""))
    with options.sign_in(state) as client:
        for holder, path in _holders(client, names.application_of(client, name)):
            every = holder["keyCredentials"]
            kept = [
                {"keyId": each["keyId"]}
                for each in every
                if each["keyId"] != wanted[0] and each["customKeyIdentifier"] != wanted[1]
            ]
            if len(kept) < len(every):
                client.patch(path, {"keyCredentials": kept}, version=None)
                break
        else:
            raise Fault("CredentialNotFound", id=certificate_id)
    done = {"certificate": certificate_id, "removed": True}
    show.emit(done, output, lambda _: show.line(f"The certificate of {name} is taken back."))


def _switch(name: str, enabled: bool, state: StateDir, output: str) -> None:
    with options.sign_in(state) as client:
        found = names.application_of(client, name)
        program = names.program_of(client, found["appId"])
        if program is None:
            raise Fault("ClientUnknown", name=name)
        path = names.one(client, PROGRAMS, program["id"])
        client.patch(path, {"accountEnabled": enabled}, version=None)
    words = f"{name} is {'enabled' if enabled else 'disabled'}."
    show.emit({"client": found["appId"], "enabled": enabled}, output, lambda _: show.line(words))


def _holders(client: ArmClient, application: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """What has secrets and certificates of a client, each with its path."""
    program = names.program_of(client, application["appId"])
    found = [(application, names.one(client, APPLICATIONS, application["id"]))]
    return [*found, *([(program, names.one(client, PROGRAMS, program["id"]))] if program else [])]


def _secret(client: ArmClient, object_id: str, label: str, days: int) -> dict[str, Any]:
    wanted = {"displayName": label, "endDateTime": _end(days)}
    path = f"{names.one(client, APPLICATIONS, object_id)}/addPassword"
    made: dict[str, Any] = client.post(path, {"passwordCredential": wanted}, version=None)
    return made


def _end(days: int) -> str:
    return clock.iso(clock.now() + timedelta(days=days))


def _public(file: Path) -> str:
    """The one certificate in a file; what else is in it, a private key for one, is not sent anywhere.

    Raises Fault CertificateRefused.
    """
    with file.open("rb") as opened:
        text = opened.read(MAX_FILE).decode("ascii", "replace")
    found = _CERTIFICATE.findall(text)
    if not found:
        raise Fault("CertificateRefused", detail=f"there is none in PEM form in {file.name}")
    # The first is the client's own; what follows would be who issued it.
    return str(found[0])


def _secrets(found: list[dict[str, Any]]) -> None:
    lines = [
        (each["hint"] + "…" if each["hint"] else "", each["displayName"] or "", _until(each), each["keyId"])
        for each in found
    ]
    show.rows(["SECRET", "FOR", "GOOD UNTIL", "ID"], lines, empty="It has no secrets.")


def _certificates(found: list[dict[str, Any]]) -> None:
    lines = [
        (each["customKeyIdentifier"], each["displayName"] or "", _until(each), each["keyId"])
        for each in found
    ]
    show.rows(["THUMBPRINT", "FOR", "GOOD UNTIL", "ID"], lines, empty="It has no certificates.")


def _until(found: dict[str, Any]) -> str:
    end = found["endDateTime"]
    if end is None:
        return "for ever"
    over = " (over)" if clock.parse_iso(end) <= clock.now() else ""
    return f"{end[:10]}{over}"
