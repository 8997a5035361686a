"""`oob probe`: whether Remote Desktop or SSH of a machine answers this computer, and what is in the way."""

from __future__ import annotations

import asyncio
import getpass
import sys
from pathlib import Path
from typing import Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

MAX_PASSWORD = 1024
NOT_REACHED = 6


@click.command(
    epilog="Examples:  oob probe 203.0.113.7   ·   oob probe web1.example --protocol ssh   ·   "
    "oob probe win1.example --user LAB\\\\alice --password-file -"
)
@click.argument("host")
@click.option(
    "--protocol", type=click.Choice(["rdp", "ssh"]), default="rdp", show_default=True, help="What to ask for."
)
@click.option("--port", type=click.IntRange(1, 65535), help="[default: 3389, or 22]")
@click.option("--user", help="Try this user's password too, once: NAME, DOMAIN\\NAME or NAME@DOMAIN.")
@options.signing_in
@click.option("--without-nla", is_flag=True, help="Ask as a client that has no network level authentication.")
@options.printing
def probe(
    host: str,
    protocol: str,
    port: int | None,
    user: str | None,
    password_file: Path | None,
    session: bool,
    without_nla: bool,
    output: str,
) -> int:
    """Look at HOST as a client would, and say which step fails: name, way, port, TLS, sign-in.

    It runs from this computer: what is told here may be your own network's doing. A password is tried only
    with --user, and a session is begun only with --session: a server that counts licences by computers then
    gives one to `oob-probe`. The exit code is 0 when it works, else 6.
    """
    if without_nla and (protocol == "ssh" or user is not None):
        raise click.UsageError("--without-nla goes with Remote Desktop, and with no --user: nobody signs in")
    import msgspec

    from outofband.net.remote.look import look
    from outofband.wire.rdp.credssp import User
    from outofband.wire.remote import Protocol

    account = User(user, read_password(user, password_file)) if user is not None else None
    report = asyncio.run(
        look(
            host,
            Protocol(protocol),
            port=port,
            user=account,
            locale=show.voice.locale,
            session=session,
            nla=not without_nla,
        )
    )
    show.emit(msgspec.to_builtins(report), output, _tell)
    return 0 if report.works else NOT_REACHED


def read_password(user: str, source: Path | None) -> str:
    """From a file or the terminal, never from the command line, which every user of a host can read."""
    if source is None:
        if not sys.stdin.isatty():
            raise click.UsageError("--user needs --password-file where nobody can be asked")
        return getpass.getpass(f"Password of {user}: ")
    if str(source) == "-":
        return sys.stdin.readline(MAX_PASSWORD).rstrip("\r\n")
    try:
        with source.open("r", encoding="utf-8") as file:
            return file.readline(MAX_PASSWORD).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Fault("InvalidParameter", target="password-file", detail=str(error)) from error


def _tell(report: dict[str, Any]) -> None:
    evidence = report["evidence"]
    rdp, ssh = evidence.get("rdp", {}), evidence.get("ssh", {})
    certificate, challenge = rdp.get("certificate", {}), rdp.get("challenge", {})
    show.facts(
        {
            "host": f"{report['host']}, port {report['port']}",
            "address": report["address"],
            "security": _security(rdp),
            "certificate": f"{certificate['subject']}, until {certificate['not_after']}"
            if certificate
            else "",
            "computer": challenge.get("dns_computer") or challenge.get("computer", ""),
            "domain": challenge.get("dns_domain") or challenge.get("domain", ""),
            "licences": _licences(rdp),
            "version": ssh.get("version") or challenge.get("version", ""),
            "host keys": ", ".join(ssh.get("host_keys", [])),
            "answers": f"yes, in {report['seconds']:.2f} s" if report["works"] else "no",
        }
    )
    for each in filter(None, [report["problem"], *report["warnings"]]):
        click.echo()
        show.line(f"{each['title']} ({each['code']})")
        show.line(each["message"])
        show.line(each["cause"])
        for step in each["remedy"]:
            show.line(f"- {step}")


def _licences(rdp: dict[str, Any]) -> str:
    if (asked := rdp.get("licensing")) is None:
        return ""
    went = "granted" if asked["granted"] else "challenged" if asked["challenged"] else "asked for"
    return f"{went}, {asked['company']} {asked['product']}".strip(", ")


def _security(rdp: dict[str, Any]) -> str:
    selected = rdp.get("selected")
    if selected is None:
        return ""
    names = {0: "Remote Desktop's own", 1: "TLS", 2: "network level authentication"}
    names[8] = "network level authentication, early word"
    return ", ".join(filter(None, [names.get(selected, str(selected)), rdp.get("tls")]))
