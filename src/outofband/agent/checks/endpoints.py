"""Which addresses a server has to reach: the control plane's, or those of one of Azure's clouds."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from outofband.net.doctor.walk import Target
from outofband.net.proxies import current

SIGN_IN = "/common/v2.0/.well-known/openid-configuration"
ARM = "/metadata/endpoints?api-version=2022-09-01"
LINK = "/fleet/link"
CONSOLE = "/healthz"
EXTENSIONS = ("all", "sql")


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """`arm` and `login` are base URLs (https), `trust` the authorities for both, PEM; None: the system's.
    `link` is where the agent connects to (wss), empty to work it out. `ours`: a control plane of this kind.
    """

    name: str
    arm: str
    login: str
    trust: str | None = None
    link: str = ""
    ours: bool = True


class _Azure(msgspec.Struct, frozen=True, kw_only=True):
    """What follows the names of services in one of Azure's clouds."""

    arc: str
    guests: str
    notes: str
    data: str


_AZURE = {
    "azurecloud": _Azure(
        arc="his.arc.azure.com",
        guests="guestconfiguration.azure.com",
        notes="guestnotificationservice.azure.com",
        data="arcdataservices.com",
    ),
    "azureusgovernment": _Azure(
        arc="his.arc.azure.us",
        guests="guestconfiguration.azure.us",
        notes="guestnotificationservice.azure.us",
        data="arcdataservices.azure.us",
    ),
    "azurechinacloud": _Azure(
        arc="his.arc.azure.cn",
        guests="guestconfiguration.azure.cn",
        notes="guestnotificationservice.azure.cn",
        data="arcdataservices.azure.cn",
    ),
}


def targets(
    cloud: Cloud, *, location: str = "", extensions: str = "", include_all: bool = False
) -> list[Target]:
    """In the order in which a connect needs them. What is only wanted by some is not `required`."""
    found = [
        _target("login", cloud.login, cloud.trust, SIGN_IN),
        _target("arm", cloud.arm, cloud.trust, ARM),
    ]
    azure = None if cloud.ours else _AZURE.get(cloud.name.lower())
    if azure is None:
        return [*found, _target("link", cloud.link or link_of(cloud.arm), cloud.trust)]
    region = location.lower().replace(" ", "")
    hosts = [("arc", f"gbl.{azure.arc}"), ("guest-configuration", f"agentserviceapi.{azure.guests}")]
    if region:
        hosts += [("arc-region", f"{region}.{azure.arc}"), ("guest-region", f"{region}-gas.{azure.guests}")]
    found += [_target(name, f"https://{host}", None) for name, host in hosts]
    if include_all or extensions:
        found.append(_target("notification", f"https://{azure.notes}", None, required=bool(extensions)))
    if region and (include_all or extensions in EXTENSIONS):
        found.append(
            _target("sql", f"https://telemetry.{region}.{azure.data}", None, required=bool(extensions))
        )
    return found


def console(url: str, trust: str | None) -> Target:
    """Where the consoles of this server's machines go: asked for only when somebody opens one."""
    return _target("console", url, trust, CONSOLE)


def link_of(arm: str) -> str:
    parts = urlsplit(arm)
    return f"wss://{parts.netloc}{LINK}"


def _target(name: str, url: str, trust: str | None, path: str = "", *, required: bool = True) -> Target:
    base = url.rstrip("/")
    # What is gone past the proxy for is told by the path: tokens have one of their own.
    proxy = current(f"{base}/common/oauth2/v2.0/token" if name == "login" else base)
    return Target(name=name, url=base, trust=trust, path=path, proxy=proxy, required=required)
