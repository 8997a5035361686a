"""`azcmagent show`: how this server is connected, whether the agent runs or not."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.catalogue import say
from outofband.cli import output as screen
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent.options import verb
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire import azcm
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.agent.halfway import Halfway
    from outofband.agent.local import AgentStatus
    from outofband.cli.azcmagent.running import Run

WIDTH = 40
NAMESPACE = "Microsoft.HybridCompute"
Rows = dict[str, tuple[str, Any]]
"""Name to (JSON key, value), in the order of Azure's agent."""


@click.command(
    epilog="Examples:  azcmagent show   ·   azcmagent show status lastHeartbeat   ·   azcmagent show -j"
)
@click.argument("properties", nargs=-1, metavar="[PROPERTY]...")
@click.option("--os", "os_only", is_flag=True, help="What is known of the system, and nothing else.")
@verb(log=False)
def show(run: Run, *, properties: tuple[str, ...], os_only: bool) -> int:
    """How this server is connected. PROPERTY is a name as it is printed, or its key in JSON."""
    rows = _system() if os_only else _rows(run)
    if properties:
        rows = _chosen(rows, properties)
    if run.as_json:
        run.emit(dict(rows.values()))
        return 0
    for name, (_, value) in rows.items():
        _line(name, value)
    return 0


def _line(name: str, value: Any) -> None:
    if isinstance(value, dict):
        screen.line(name)
        for inner, each in value.items():
            screen.line(f"{'  ' + inner:<{WIDTH}}: {each}")
        return
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    text = {True: "true", False: "false", None: ""}.get(text, text) if not isinstance(text, str) else text
    screen.line(f"{name:<{WIDTH}}: {text}".rstrip())


def _chosen(rows: Rows, wanted: tuple[str, ...]) -> Rows:
    """Raises AzcmFault AZCM0023."""
    known = {name.lower(): name for name in rows} | {key.lower(): name for name, (key, _) in rows.items()}
    found: Rows = {}
    for each in wanted:
        name = known.get(each.lower())
        if name is None:
            detail = say("no-property", name=each, known=", ".join(key for key, _ in rows.values()))
            raise AzcmFault("AZCM0023", argument="PROPERTY", detail=detail)
        found[name] = rows[name]
    return found


def _rows(run: Run) -> Rows:
    status, halfway, problem = look(run.state)
    connected = bool(status and status.agent)
    error = status.errors[0] if status and status.errors else None
    code = error.code if error else ""
    details = screen.here(failing.of_problem(error)) if error else ""
    if problem is not None:
        from outofband.client.faults import explained

        code = azcm.shown(failing.LOCAL.get(problem.code, problem.code))
        details = explained(problem, screen.voice.locale).message
    elif not details and status and status.problem:
        details = screen.here(failing.of_agent(status, status.problem))
    running = "running" if status and status.running else "stopped"
    if problem is not None and problem.code in (
        "AgentServiceSilent",
        "AgentServiceGarbled",
        "AgentServiceDenied",
    ):
        running = "unknown"
    settings = status.configuration if status and status.configuration else _settings(run.state)
    machine = (status.resource if status else "") or (halfway.machine if halfway else "")
    parts = machine.split("/")
    got = status

    def said(name: str) -> str:
        return str(getattr(got, name)) if got is not None else ""

    return {
        "Resource Name": ("resourceName", said("name") or (parts[-1] if machine else "")),
        "Resource Group Name": ("resourceGroup", said("group") or (parts[4] if len(parts) > 4 else "")),
        "Resource Namespace": ("resourceNamespace", NAMESPACE if connected or machine else ""),
        "Resource Id": ("resourceId", machine),
        "Subscription ID": ("subscriptionId", said("subscription") or (parts[2] if len(parts) > 2 else "")),
        "Tenant ID": ("tenantId", said("tenant")),
        "VM ID": ("vmId", said("vm_id")),
        "Correlation ID": ("correlationId", said("correlation") or (halfway.correlation if halfway else "")),
        "VM UUID": ("vmUuid", said("vm_uuid")),
        "Location": ("location", said("location")),
        "Cloud": ("cloud", said("cloud") or _cloud(run.state)),
        "Identity Key Store": ("identityKeyStore", "default"),
        "Agent Version": ("agentVersion", said("version") or _version()),
        "Agent Logfile": ("agentLogfile", str(run.state.log / "himds.log")),
        "Agent Status": ("status", _status(status, halfway, connected)),
        "Agent Last Heartbeat": ("lastHeartbeat", _moment(said("heartbeat"))),
        "Agent Error Code": ("agentErrorCode", code),
        "Agent Error Details": ("agentErrorDetails", details),
        "Agent Error Timestamp": ("agentErrorTimestamp", clock.iso().partition(".")[0] + "Z" if code else ""),
        "Using HTTPS Proxy": ("httpsProxy", str(settings.get("proxy.url", ""))),
        "Proxy Bypass List": ("proxyBypassList", settings.get("proxy.bypass", [])),
        "Upstream Proxy": ("upstreamProxy", ""),
        "Gateway URL": ("gatewayUrl", ""),
        "Cloud Provider": ("cloudProvider", said("cloud_provider") or "N/A"),
        "Cloud Metadata": ("cloudMetadata", ""),
        "Manufacturer": ("manufacturer", said("manufacturer")),
        "Model": ("model", said("model")),
        "MSSQL Server Detected": ("mssqlDetected", False),
        "MySQL Server Detected": ("mysqlDetected", False),
        "PGSQL Server Detected": ("pgsqlDetected", False),
        "Dependent Service Status": (
            "dependentServiceStatus",
            {
                "Agent Service (himds)": running,
                "Azure Arc Proxy (arcproxy)": "stopped",
                "Extension Service (extd)": "stopped",
                "GC Service (gcad)": "stopped",
            },
        ),
        "Portal Page": ("portalPage", _portal(status, machine)),
        "Disabled Features": ("disabledFeatures", []),
        "Agent Auto Upgrade Task Status": ("agentAutoUpgradeTaskStatus", "N/A"),
        "Certificate Expires": ("certificateExpires", _moment(said("expires"))),
        "Half-way": ("halfway", _halfway(halfway)),
    }


def look(state: StateDir) -> tuple[AgentStatus | None, Halfway | None, Fault | None]:
    """What the agent says, or what is on disk when it does not; what was begun; why it does not say more."""
    from outofband.agent import halfway, local

    begun = halfway.load(state)
    try:
        status = local.status(state)
        return status, status.halfway or begun, None
    except Fault as fault:
        return _kept(state), begun, fault


def _kept(state: StateDir) -> AgentStatus | None:
    from outofband.agent import local

    try:
        return local.kept(state)
    except Fault:
        return None


def _status(status: AgentStatus | None, halfway: Halfway | None, connected: bool) -> str:
    if halfway is not None:
        return "Half-connected" if halfway.operation == "connect" else "Half-disconnected"
    if not connected or status is None:
        return "Disconnected"
    codes = {each.code for each in status.errors}
    if "AgentExpired" in codes or (status.expires and status.expires <= clock.iso()):
        return "Expired"
    if codes & {"AgentCloned", "AgentKeyLost", "AgentRevoked"}:
        return "Error"
    return "Connected" if status.link == "linked" else "Disconnected"


def _halfway(halfway: Halfway | None) -> str:
    if halfway is None:
        return ""
    verb = str(halfway.operation)
    return screen.here(say("halfway", verb=verb, machine=halfway.machine, since=_moment(halfway.since)))


def _moment(text: str) -> str:
    """RFC 3339 in UTC with whole seconds."""
    return text.partition(".")[0] + "Z" if "." in text else text


def _settings(state: StateDir) -> dict[str, Any]:
    from outofband.agent import settings

    try:
        return dict(settings.load(state).shown())
    except Fault:
        return {}


def _cloud(state: StateDir) -> str:
    from outofband.cli.azcmagent.places import installed

    try:
        place = installed(state)
    except Fault:
        return ""
    return place.name if place else ""


def _portal(status: AgentStatus | None, machine: str) -> str:
    return f"{status.arm}/portal/#/machines{machine}" if status and status.arm and machine else ""


def _version() -> str:
    from outofband import __version__

    return __version__


def _system() -> Rows:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return {
        "OS Name": ("osName", platform.system().lower()),
        "OS Version": ("osVersion", release.get("VERSION_ID", "")),
        "OS Sku": ("osSku", release.get("PRETTY_NAME", "")),
        "Kernel Version": ("kernelVersion", platform.release()),
        "Architecture": ("architecture", platform.machine()),
        "Hostname": ("hostname", platform.node()),
    }


def as_json(run: Run) -> bytes:
    """The whole of it, for the archive of `logs`."""
    return msgspec.json.format(msgspec.json.encode(dict(_rows(run).values())), indent=2)
