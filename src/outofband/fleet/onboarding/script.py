"""The onboarding script: a text of ours with the values of one place filled in, quoted for its shell."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Mapping
from importlib import resources

import msgspec

from outofband.core.errors import Fault

MAX_VALUE = 1024
MAX_TAGS = 50


class System(enum.StrEnum):
    LINUX = "linux"
    WINDOWS = "windows"


_FILES = {
    System.LINUX: ("linux.sh", "connect-server.sh"),
    System.WINDOWS: ("windows.ps1", "Connect-Server.ps1"),
}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is filled in. `many`: with a service principal whose secret each server is given, else a person
    signs in. `fingerprint`: SHA-256 of the authority, hex. `package_path` on the server, `package_python`
    as 3.11.
    """

    server: str
    fingerprint: str
    package_path: str
    package_sha256: str
    package_python: str
    tenant: str
    subscription: str
    resource_group: str
    location: str
    many: bool = False
    service_principal: str = ""
    resource_name: str = ""
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    proxy: str = ""


def file_name(system: System) -> str:
    """What the script is called where it is downloaded."""
    return _FILES[system][1]


def script(system: System, wish: Wish) -> str:
    """Raises Fault InvalidParameter for a value that a script cannot hold."""
    text = resources.files(__package__).joinpath(_FILES[system][0]).read_text("utf-8")
    values = {
        "SERVER": wish.server,
        "FINGERPRINT": wish.fingerprint,
        "PACKAGE_PATH": wish.package_path,
        "PACKAGE_SHA256": wish.package_sha256,
        "PACKAGE_PYTHON": wish.package_python,
        "TENANT": wish.tenant,
        "SUBSCRIPTION": wish.subscription,
        "RESOURCE_GROUP": wish.resource_group,
        "LOCATION": wish.location,
        "NAME": wish.resource_name,
        "TAGS": tag_words(wish.tags),
        "PROXY": wish.proxy,
        "MODE": "many" if wish.many else "one",
        "SERVICE_PRINCIPAL_ID": wish.service_principal,
    }
    for name, value in values.items():
        if len(value) > MAX_VALUE or not value.isprintable():
            raise Fault(
                "InvalidParameter", target=name.lower(), detail=f"one line of at most {MAX_VALUE} letters"
            )
    lines = [_assigned(system, name, value) for name, value in values.items()]
    filled = text.replace("@VALUES@", "\n".join(lines))
    # Outside of the values only what needs no quoting is named.
    return filled.replace("@SERVER@", wish.server).replace("@NAME@", file_name(system))


def tag_words(tags: Mapping[str, str]) -> str:
    """As `--tags` takes them: `Name='value with spaces',Other='x'`."""
    if len(tags) > MAX_TAGS:
        raise Fault("InvalidParameter", target="tags", detail=f"at most {MAX_TAGS} tags")
    for name in tags:
        if not name or any(each in name for each in "=,'\"\\ "):
            detail = f"{name!r}: no blank, '=', ',', quote or backslash in a name"
            raise Fault("InvalidParameter", target="tags", detail=detail)
    escaped = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in tags.items()}
    return ",".join(f"{name}='{value}'" for name, value in escaped.items())


def _assigned(system: System, name: str, value: str) -> str:
    if system is System.LINUX:
        return f"{name}={shlex.quote(value)}"
    words = "".join(part.title() for part in name.split("_"))
    # PowerShell takes typographic apostrophes for quotes too.
    quoted = "".join(each * 2 if each in "'\u2018\u2019\u201a\u201b" else each for each in value)
    return f"${words} = '{quoted}'"
