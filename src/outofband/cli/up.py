"""`oob up`: everything on one machine, from nothing to a console; again, it changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import agent, demo, options, preflight, windows
from outofband.cli import output as show
from outofband.cli.services import AGENT, CONTROL_PLANE, alone
from outofband.cli.steps import Steps
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.process import RunFile

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

ARM_PORT = 8443
CONSOLE_PORT = 8444
FIRST_PERSON = "admin"
"""Its sign-in name; the part after the @ is added by the control plane."""
LINK_SECONDS = 60.0
"""The first time the agent tries what guests can run under, before it dials."""
_POLL_SECONDS = 0.1
PORTS = {"--port": "arm", "--console-port": "console"}
"""Options and their names in the control plane's run file."""


@click.command(
    epilog="A second `oob up` changes nothing. `oob down` stops what this started and keeps all state."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"Resource Manager's port.  [default: {ARM_PORT}]"
)
@click.option(
    "--console-port",
    type=click.IntRange(1, 65535),
    help=f"Console listener's port.  [default: {CONSOLE_PORT}]",
)
@click.option(
    "--demo/--no-demo", "with_demo", default=True, help="Build and start the demo VM.  [default: yes]"
)
@click.option(
    "--windows", "with_windows", is_flag=True, help=f"Also VM {windows.NAME}: Windows' console, simulated."
)
@options.common
def up(
    port: int | None,
    console_port: int | None,
    with_demo: bool,
    with_windows: bool,
    state: StateDir,
    output: str,
) -> None:
    """Start control plane, host agent and the demo VM on this machine, and say how to attach."""
    began = clock.monotonic()
    steps = Steps(quiet=output == "json")
    preflight.check(state)
    with alone(state, "up"):
        # First of all, because a taken port shall be told before a minute goes into the guest.
        _control_plane(state, steps, {"--port": port, "--console-port": console_port})
        if with_demo:
            _build_guest(state, steps)
        # As the local client, whoever is signed in: this is about this host.
        with options.sign_in(state, local=True) as client:
            _agent(state, steps, client, with_demo, with_windows)
            if with_demo:
                _demo_vm(state, steps, client)
            if with_windows:
                _windows_vm(steps, client)
            _stopped_by_down(state, steps, client)
            from outofband.cli.status import collect

            facts = collect(state, client)
    first = first_sign_in(state)
    if first is not None:
        facts["firstSignIn"] = first
    took = clock.monotonic() - began
    show.emit(facts, output, lambda _: _welcome(state, facts, steps.changed, took))
    if first is not None:
        # Only now: what was not shown must not be gone.
        sys.stdout.flush()
        state.first_password.unlink(missing_ok=True)


def _control_plane(state: StateDir, steps: Steps, ports: dict[str, int | None]) -> None:
    if (found := CONTROL_PLANE.running(state)) and found.ready:
        _same_ports(found, ports)
        steps.already("control plane", "runs already")
        return
    more = [word for option, wanted in ports.items() if wanted for word in (option, str(wanted))]
    with steps.step("starting the control plane") as detail:
        CONTROL_PLANE.start(state, *more, detail=detail)


def _same_ports(found: RunFile, ports: dict[str, int | None]) -> None:
    for option, wanted in ports.items():
        has = found.ports.get(PORTS[option])
        if wanted is not None and wanted != has:
            detail = f"The control plane runs already, on port {has}. First: `oob down`."
            raise Fault("OperationNotAllowed", detail=detail)


def _build_guest(state: StateDir, steps: Steps) -> None:
    if demo.built(state):
        steps.already("demo guest", "built already")
        return
    with steps.step("building the demo guest from Debian's packages") as detail:
        demo.build(state, detail)


def _agent(state: StateDir, steps: Steps, client: ArmClient, with_demo: bool, with_windows: bool) -> None:
    offered = with_demo and _offer_demo(state)
    if with_windows and windows.offer(state):
        offered = True
    found = AGENT.running(state)
    if found and found.ready and not offered:
        steps.already("host agent", "runs already")
    else:
        if not agent.is_enrolled(state):
            with steps.step("enrolling this host"):
                agent.enrol_here(state, client)
        # It reads what it offers when it starts; guests do not notice.
        restart = found is not None and offered
        with steps.step("restarting the host agent" if restart else "starting the host agent") as detail:
            if restart:
                AGENT.stop(state)
            AGENT.start(state, detail=detail)
    with steps.progress("waiting for the agent's link") as detail:
        _linked(state, client, detail)


def _offer_demo(state: StateDir) -> bool:
    """Offer the built guest as image `demo`; True when it was not offered yet."""
    guest = demo.built(state)
    return guest is not None and agent.offer(
        state, demo.NAME, kernel=guest.kernel, initrd=guest.initrd, cmdline=guest.cmdline, disk=None
    )


def _linked(state: StateDir, client: ArmClient, detail: Any) -> None:
    """This host's link is up: commands reach it from now on."""
    from outofband.cli.status import hosts

    name = agent.name_here(state).lower()
    began = clock.monotonic()
    while not any(host["connected"] and host["name"].lower() == name for host in hosts(client)):
        waited = clock.monotonic() - began
        if waited > LINK_SECONDS or not AGENT.running(state):
            log = str(AGENT.log_file(state))
            raise Fault("NotReady", what="The agent's link", seconds=int(waited), log=log)
        detail(f"{waited:.0f} s")
        clock.pause(_POLL_SECONDS)


def _demo_vm(state: StateDir, steps: Steps, client: ArmClient) -> None:
    from outofband.cli.vm import power

    found = demo.find(client)
    made = found is not None and found["properties"].get("provisioningState") != "Failed"
    if found is not None and made:
        steps.already("demo VM", power(found))
    elif found is None and demo.once(state).exists():
        steps.already("demo VM", "deleted by you earlier; `oob vm create demo --image demo` brings it back")
        return
    else:
        with steps.step("creating and starting the demo VM") as detail:
            demo.create(client, detail)
    demo.once(state).touch(mode=0o600)


def _windows_vm(steps: Steps, client: ArmClient) -> None:
    """Who asks for it gets it: unlike the demo VM it also comes back after somebody deleted it."""
    from outofband.cli.vm import power

    found = windows.find(client)
    if found is not None and found["properties"].get("provisioningState") != "Failed":
        steps.already(f"VM {windows.NAME} (simulator)", power(found))
        return
    with steps.step(f"creating and starting VM {windows.NAME} (simulator)") as detail:
        windows.create(client, detail)


def _stopped_by_down(state: StateDir, steps: Steps, client: ArmClient) -> None:
    """Start again what `oob down` stopped, and only that: who stopped a VM himself wants it stopped."""
    from outofband.cli.down import forget_stopped, stopped_by_down
    from outofband.cli.vm import VMS, power

    wanted = stopped_by_down(state)
    if wanted:
        for machine in client.list(f"{client.subscription}/{VMS}", **{"$expand": "instanceView"}):
            if machine["properties"].get("vmId") in wanted and power(machine) == "stopped":
                with steps.step(f"starting VM {machine['name']}"):
                    client.post(f"{machine['id']}/start")
    forget_stopped(state)


def first_sign_in(state: StateDir) -> dict[str, str] | None:
    """Name and password of the first person, as long as nobody was shown them or changed the password."""
    from outofband.client.profile import private

    try:
        password = private(state.first_password).decode("ascii", errors="replace").strip()
    except Fault as fault:
        if fault.code == "StateNotFound":
            return None
        raise
    return {"userName": FIRST_PERSON, "password": password}


def _welcome(state: StateDir, facts: dict[str, Any], changed: int, took: float) -> None:
    oob = _shortest_oob()
    host: dict[str, Any] = next(iter(facts["hosts"]), {})
    first = facts.get("firstSignIn")
    show.facts(
        {
            "portal": f"{facts['arm']}/portal/",
            "user name": first["userName"] if first else "",
            "password": f"{first['password']}   (shown this once; the first sign-in asks for another)"
            if first
            else f"lost? {oob} identity recover",
            "browser": f"does not trust this address yet? {oob} trust",
            "Resource Manager": facts["arm"],
            "console listener": facts["gateway"],
            "local client": f"{facts['clientId']} (secret in {facts['clientSecretFile']})",
            "host": f"{host.get('name')}: guests run under {host.get('accelerator')} ({host.get('probe')})",
            "state": str(state.root),
        }
    )
    if any(vm["name"] == demo.NAME for vm in facts["vms"]):
        show.line("")
        show.heading(f"Attach:  {oob} console {demo.NAME}")
        secret = demo.password_file(state)
        show.line(f"Log in:  demo, password in {secret}   (Ctrl-] opens the menu, Ctrl-] q leaves)")
    if any(vm["name"] == windows.NAME for vm in facts["vms"]):
        show.heading(f"Windows' console, simulated:  {oob} console {windows.NAME}")
        show.line(f"At SAC> `cmd`, `ch -si 1`; then {windows.LOGIN}.")
    show.line(f"\n{'Ready' if changed else 'Everything ran already'} after {took:.1f} s.")


def _shortest_oob() -> Path:
    """What to type to get this very `oob`."""
    oob = Path(sys.argv[0])
    if oob.name != "oob":
        oob = Path(sys.executable).with_name("oob")
    return oob.relative_to(Path.cwd()) if oob.is_relative_to(Path.cwd()) else oob
