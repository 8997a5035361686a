"""`oob status`: what runs, where, and whether it is well."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.services import AGENT, CONTROL_PLANE, Service
from outofband.client.faults import explained
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.proxies import proxy_for

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.client.profile import Profile
    from outofband.core.paths import StateDir

EXIT_NOT_READY = 6
CONNECT_SECONDS = 2.0
DAY_SECONDS = 86400
SOON_DAYS = 21
"""We renew ours earlier: one that is this near its end is somebody else's, or is not renewed."""


def hosts(client: ArmClient) -> list[dict[str, Any]]:
    """The VM hosts of the profile's resource group, as their agents last described them."""
    path = f"{client.group()}/{options.MACHINES}"
    found = []
    for machine in client.list(path, version=options.HYBRID_VERSION):
        properties = machine["properties"]
        detected = properties.get("detectedProperties") or {}
        found.append(
            {
                "name": machine["name"],
                "connected": properties.get("status") == "Connected",
                "agentVersion": properties.get("agentVersion", ""),
                "accelerator": detected.get("accelerator", ""),
                "probe": detected.get("probe", ""),
            }
        )
    return found


def collect(state: StateDir, client: ArmClient) -> dict[str, Any]:
    """Everything `oob status -o json` tells. Raises Fault when the control plane does not answer."""
    from outofband.cli.vm import VMS, host, power

    found = hosts(client)
    connected = {each["name"].lower() for each in found if each["connected"]}
    machines = [
        {
            "name": vm["name"],
            "power": power(vm),
            "host": host(vm),
            "hostConnected": host(vm).lower() in connected,
        }
        for vm in client.list(f"{client.group()}/{VMS}", **{"$expand": "instanceView"})
    ]
    listening, ends = _listening(client)
    return {
        **_known(state, client.profile),
        "certificate": ends,
        "ready": listening and any(each["connected"] for each in found),
        "consoleListener": "listening" if listening else "not reachable",
        "hosts": found,
        "vms": machines,
    }


def _known(state: StateDir, profile: Profile) -> dict[str, Any]:
    """What is known without asking the control plane."""
    from outofband.client.profile import LocalProfile

    secret_file = str(profile.client_secret_file) if isinstance(profile, LocalProfile) else None
    return {
        "ready": False,
        "portal": profile.arm,
        "arm": profile.arm,
        "gateway": profile.gateway,
        "caFile": str(profile.ca_file),
        "tenantId": profile.tenant_id,
        "subscriptionId": profile.subscription_id,
        "resourceGroup": profile.resource_group,
        "clientId": profile.client_id,
        "clientSecretFile": secret_file,
        "certificate": None,
        "signedIn": {"kind": "client" if secret_file else "person", "name": profile.who},
        "state": str(state.root),
        "controlPlane": _process(CONTROL_PLANE, state),
        "agent": _process(AGENT, state),
    }


def _listening(client: ArmClient) -> tuple[bool, dict[str, Any] | None]:
    """Whether the console listener answers, and how long its certificate lasts, which is the API's as well.

    Consoles have a port of their own, which a firewall may keep shut while the API answers.
    """
    gateway = client.profile.gateway
    if proxy_for(gateway):
        return True, None  # only the proxy could tell
    parts = urlsplit(gateway)
    host = parts.hostname or ""
    try:
        # The whole handshake: a listener notes a connection that ends before it as an error.
        with (
            socket.create_connection((host, parts.port or 443), CONNECT_SECONDS) as plain,
            client.tls.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
            secured.unwrap()
        ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    except (OSError, ValueError, KeyError):
        return False, None
    moment = datetime.fromtimestamp(ends, UTC)
    return True, {"ends": clock.iso(moment), "daysLeft": int((ends - clock.wall()) // DAY_SECONDS)}


def _process(service: Service, state: StateDir) -> dict[str, Any]:
    found = service.running(state)
    return {"running": found is not None, "pid": found.pid if found else None}


@click.command(epilog="Example:  oob status -o json")
@options.common
def status(state: StateDir, output: str) -> int:
    """What runs, where, and whether it is well. Exit code 0 only when consoles can be opened."""
    with options.sign_in(state) as client:
        try:
            facts = collect(state, client)
        except Fault as fault:
            if output != "json":
                raise
            facts = _known(state, client.profile) | {"code": fault.code, "problem": explained(fault).message}
    show.emit(facts, output, _table)
    return 0 if facts["ready"] else EXIT_NOT_READY


def _days(certificate: dict[str, Any] | None) -> str:
    if certificate is None:
        return ""
    left = certificate["daysLeft"]
    words = f"{left} days left"
    return f"{words}: it ends soon, see `oob ca status`" if left < SOON_DAYS else words


def _table(facts: dict[str, Any]) -> None:
    show.facts(
        {
            "consoles": "ready" if facts["ready"] else "not ready",
            "signed in as": facts["signedIn"]["name"],
            "Resource Manager": facts["arm"],
            "console listener": f"{facts['gateway']} ({facts['consoleListener']})",
            "certificate": _days(facts["certificate"]),
            "authority": facts["caFile"],
            "tenant": facts["tenantId"],
            "subscription": facts["subscriptionId"],
            "resource group": facts["resourceGroup"],
            "files": facts["state"],
        }
    )
    click.echo()
    lines = [
        (
            each["name"],
            "connected" if each["connected"] else "not connected",
            each["accelerator"],
            each["probe"],
        )
        for each in facts["hosts"]
    ]
    show.rows(["HOST", "LINK", "ACCELERATOR", "HOW IT WAS FOUND"], lines, empty="No host is enrolled.")
    click.echo()
    show.rows(
        ["VM", "POWER", "HOST"],
        [
            (
                each["name"],
                each["power"] if each["hostConnected"] else f"{each['power']} (last known)",
                each["host"],
            )
            for each in facts["vms"]
        ],
        empty="There are no VMs.",
    )
