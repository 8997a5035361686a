"""Flags of `connect` and `disconnect`: the sign-in of both, and those that have no meaning here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from outofband.catalogue import say
from outofband.cli.azcmagent.arguments import Login
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.cli.azcmagent.running import Run

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path, allow_dash=True, readable=False)
_LOGIN = {
    "tenant_id": "tenant",
    "user_tenant_id": "user_tenant",
    "service_principal_id": "principal",
    "service_principal_secret": "secret",
    "service_principal_secret_file": "secret_file",
    "service_principal_cert": "certificate",
    "service_principal_cert_thumbprint": "thumbprint",
    "access_token": "token",
    "access_token_file": "token_file",
    "use_device_code": "device_code",
    "use_azcli": "azcli",
}
REFUSED = {"private_link_scope": "no-private-link", "gateway_id": "no-gateway"}
"""Why, by its name in words.toml."""
INERT = {
    "automanage_profile": "no-automanage",
    "enable_automatic_upgrade": "upgraded-by-package",
    "use_aws_ec2_hostname": "name-of-the-host",
}


def signing_in(function: F) -> F:
    """The flags of a sign-in, passed as `login` (arguments.Login)."""

    @functools.wraps(function)
    def whole(*run: Any, **given: Any) -> Any:
        login = Login(**{field: given.pop(name) for name, field in _LOGIN.items()})
        return function(*run, login=login, **given)

    for option in (
        click.option("--use-azcli", is_flag=True, help="Sign in as who is signed in to the Azure CLI."),
        click.option("--use-device-code", is_flag=True, help="Sign in on another device (the default)."),
        click.option(
            "--access-token-file",
            metavar="FILE",
            type=_FILE,
            help="File with an access token; - is stdin.",
        ),
        click.option("--access-token", metavar="TOKEN", help="An access token for Resource Manager."),
        click.option(
            "--service-principal-cert-thumbprint", metavar="HEX", help="Windows only: refused (AZCM0003)."
        ),
        click.option(
            "--service-principal-cert",
            metavar="FILE",
            type=_FILE,
            help="Its certificate with the key: PEM or PFX, no password.",
        ),
        click.option(
            "--service-principal-secret-file",
            metavar="FILE",
            type=_FILE,
            help="File with its secret; - is standard input.",
        ),
        click.option(
            "-p", "--service-principal-secret", metavar="SECRET", help="Its secret; better as a file."
        ),
        click.option(
            "-i",
            "--service-principal-id",
            metavar="GUID",
            help="Client ID of a service principal.",
        ),
        click.option("--user-tenant-id", metavar="TENANT", help="Tenant of the account, if another."),
        click.option("-t", "--tenant-id", metavar="TENANT", help="Tenant; a service principal needs it."),
    ):
        whole = option(whole)
    return whole  # type: ignore[return-value]


def connecting(function: F) -> F:
    """All flags of `connect`."""
    for option in (
        click.option("--use-aws-ec2-hostname", is_flag=True, help="No effect here."),
        click.option("--identity-key-store", metavar="STORE", help="default; tpm is refused (AZCM0028)."),
        click.option("--enable-automatic-upgrade", is_flag=True, help="No effect here."),
        click.option("--automanage-profile", metavar="ID", help="No effect here."),
        click.option("--gateway-id", metavar="ID", help="Refused (AZCM0003)."),
        click.option("--private-link-scope", metavar="ID", help="Refused (AZCM0003)."),
        click.option(
            "--dry-run",
            is_flag=True,
            help="Say which calls and rights it takes; change nothing.",
        ),
        click.option("--ignore-network-check", is_flag=True, help="Do not look at the way there first."),
        click.option(
            "--correlation-id", metavar="GUID", help="Goes with every request, for both sides' logs."
        ),
        click.option(
            "--cloud", metavar="NAME", help="Which control plane.  [default: the one it was installed for]"
        ),
        click.option("--tags", metavar="TAGS", help="\"Name='Value with spaces',Location=Redmond\""),
        click.option(
            "-n", "--resource-name", metavar="NAME", help="Name of the resource.  [default: the host's name]"
        ),
        click.option("-l", "--location", metavar="REGION", help="Region of the resource."),
        click.option("-g", "--resource-group", metavar="NAME", help="Resource group that gets the resource."),
        click.option("-s", "--subscription-id", metavar="ID", help="Subscription, by GUID or by name."),
    ):
        function = option(function)
    return signing_in(function)


def without_effect(run: Run, given: dict[str, Any]) -> None:
    """Refuse what would promise something that is not so, and tell of what has no effect here.

    Raises AzcmFault AZCM0003, AZCM0023 or AZCM0028.
    """
    for name, why in REFUSED.items():
        if given.get(name):
            raise AzcmFault("AZCM0003", detail=say("flag-because", flag=_flag(name), why=say(why)))
    store = str(given.get("identity_key_store") or "default").lower()
    if store == "tpm":
        raise AzcmFault("AZCM0028", detail=say("key-in-a-file"))
    if store != "default":
        detail = say("no-key-store", value=store)
        raise AzcmFault("AZCM0023", argument="--identity-key-store", detail=detail)
    for name, why in INERT.items():
        if given.get(name):
            run.warn(say("flag-without-effect", flag=_flag(name), why=say(why)))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
