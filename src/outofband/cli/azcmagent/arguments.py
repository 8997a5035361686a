"""The arguments of `connect` and `disconnect`, looked at before anything is asked or changed."""

from __future__ import annotations

import re
import socket
import uuid
from pathlib import Path

import msgspec

from outofband.catalogue import say
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent import tags as tagging
from outofband.wire.azcm import AzcmFault
from outofband.wire.connecting import RESOURCE_NAME

MAX_SECRET = 64 * 1024
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """How to sign in, as it was given. Secrets are in files or here, and never in a log."""

    tenant: str | None = None
    user_tenant: str | None = None
    principal: str | None = None
    secret: str | None = None
    secret_file: Path | None = None
    certificate: Path | None = None
    thumbprint: str | None = None
    token: str | None = None
    token_file: Path | None = None
    device_code: bool = False
    azcli: bool = False

    def __repr__(self) -> str:
        return f"Login({self.method})"

    @property
    def method(self) -> str:
        """`secret`, `certificate`, `token`, `azcli` or `device-code`."""
        if self.token or self.token_file:
            return "token"
        if self.azcli:
            return "azcli"
        if self.certificate or self.thumbprint:
            return "certificate"
        return "secret" if self.principal else "device-code"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Which machine resource is meant."""

    subscription: str
    group: str
    name: str
    location: str
    tags: dict[str, str]

    def machine(self, subscription_id: str) -> str:
        """Its resource id."""
        return (
            f"/subscriptions/{subscription_id}/resourceGroups/{self.group}"
            f"/providers/Microsoft.HybridCompute/machines/{self.name}"
        )


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def correlation(given: str | None, own: str) -> str:
    """Raises AzcmFault AZCM0015."""
    if given is None:
        return own
    if not is_guid(given):
        raise AzcmFault("AZCM0015", value=given)
    return str(uuid.UUID(given))


def target(
    *,
    subscription: str | None,
    group: str | None,
    location: str | None,
    name: str | None,
    tags: str | None,
) -> Target:
    """Raises AzcmFault AZCM0016 for all that is missing, AZCM0013, AZCM0017, AZCM0023, AZCM0102."""
    given = {"--subscription-id": subscription, "--resource-group": group, "--location": location}
    require(given)
    assert subscription and group and location
    if not _GROUP.fullmatch(group):
        detail = say("no-resource-group", group=group)
        raise AzcmFault("AZCM0023", argument="--resource-group", detail=detail)
    if name is not None and not RESOURCE_NAME.fullmatch(name):
        raise AzcmFault("AZCM0017", value=name)
    return Target(
        subscription=subscription,
        group=group,
        name=name or host_name(),
        location=re.sub(r"\s", "", location).lower(),
        tags=tagging.parse(tags) if tags is not None else {},
    )


def require(given: dict[str, str | None]) -> None:
    """Raises AzcmFault AZCM0016 with the flags that have no value."""
    if missing := [flag for flag, value in given.items() if not value]:
        raise AzcmFault("AZCM0016", missing=", ".join(missing))


def host_name() -> str:
    """What this computer is called, up to the first dot. Raises AzcmFault AZCM0102."""
    try:
        whole = socket.gethostname()
    except OSError as error:
        raise AzcmFault("AZCM0102", detail=failing.system(error)) from error
    label = whole.partition(".")[0]
    if not label or label == "(none)":
        raise AzcmFault("AZCM0102", detail=say("kernel-says", name=whole))
    if not RESOURCE_NAME.fullmatch(label):
        raise AzcmFault("AZCM0102", detail=say("no-machine-name", name=label))
    return label


def sign_in(login: Login) -> None:
    """Raises AzcmFault AZCM0003, AZCM0016, AZCM0023 or AZCM0027 for what cannot be a sign-in."""
    if login.thumbprint:
        detail = say("thumbprint-of-windows", flag="--service-principal-cert-thumbprint")
        instead = say("certificate-as-a-file", flag="--service-principal-cert")
        raise AzcmFault("AZCM0003", detail=detail, remedy=(instead,))
    ways = [
        flag
        for flag, given in (
            ("--access-token", login.token),
            ("--access-token-file", login.token_file),
            ("--use-azcli", login.azcli),
            ("--use-device-code", login.device_code),
            ("--service-principal-cert", login.certificate),
            ("--service-principal-secret", login.secret),
            ("--service-principal-secret-file", login.secret_file),
        )
        if given
    ]
    if len(ways) > 1:
        raise AzcmFault("AZCM0027", detail=say("one-sign-in", ways=", ".join(ways)))
    principal = bool(login.secret or login.secret_file or login.certificate)
    if login.principal and ways and not principal:
        both = f"{ways[0]}, --service-principal-id"
        raise AzcmFault("AZCM0027", detail=say("one-sign-in", ways=both))
    if principal or login.principal:
        require({"--service-principal-id": login.principal, "--tenant-id": login.tenant})
        if login.principal and not is_guid(login.principal):
            detail = say("no-client-id", value=login.principal)
            raise AzcmFault("AZCM0023", argument="--service-principal-id", detail=detail)
