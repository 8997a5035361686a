"""`oob agent`: a VM host's side. Hands over to the agent's tower."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import agent_identity, options
from outofband.cli import output as show
from outofband.cli.agent_install import install, uninstall
from outofband.cli.agent_script import script
from outofband.cli.azcmagent import main as azcmagent
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir


CLOCK_SECONDS = 30.0
"""A difference of clocks that is shown; the control plane tolerates two minutes."""


def is_enrolled(state: StateDir) -> bool:
    """Whether this state has the identity of a host."""
    return (state.agent / "identity.json").exists()


def enrol_here(state: StateDir, client: ArmClient) -> None:
    """Enrol this host at the control plane of `client`, into the profile's resource group."""
    from outofband.agent.enroll import enrol

    made = client.post("/fleet/tokens", _wanted(client, None))
    enrol(state, server=client.profile.arm, token=made["token"])


def name_here(state: StateDir) -> str:
    """How the control plane lists this host. Raises Fault AgentNotEnrolled, or as agent.local does."""
    from outofband.agent.local import look

    return look(state).name


def offer(
    state: StateDir, name: str, *, kernel: str | None, initrd: str | None, cmdline: str, disk: str | None
) -> bool:
    """Write an image into agent.toml; False when one of that name is there, which stays as it is."""
    from outofband.agent.config import Image, add_image, config_path

    return add_image(
        config_path(state), name, Image(kernel=kernel, initrd=initrd, cmdline=cmdline, disk=disk)
    )


def offer_simulator(state: StateDir, name: str, command: list[str]) -> bool:
    """The same for a program on a terminal that plays a machine, and takes signals as one is reset."""
    from outofband.agent.config import Program, add_program, config_path

    program = Program(command=command, reset="SIGUSR1", nmi="SIGUSR2")
    return add_program(config_path(state), name, program)


def running_guests(state: StateDir) -> list[str]:
    """Ids of the VMs that the running agent says are not stopped; none when it does not say."""
    from outofband.agent.local import look
    from outofband.wire.machine import Power

    try:
        return [each.vm for each in look(state).machines if each.power is not Power.STOPPED]
    except Fault:
        return []


def stop_guests(state: StateDir, seconds: float, detail: Callable[[str], None]) -> list[str]:
    """Stop the guests that run on this state while its agent does not; returns the ids of the VMs.

    What the agent's code logs meanwhile goes where the agent logs.
    """
    from outofband.agent.admin import stop_guests as stop
    from outofband.cli.services import AGENT
    from outofband.net import logs

    # Not closed here: loggers keep it, and one of them may speak late.
    with contextlib.redirect_stderr(AGENT.open_log(state)):
        logs.configure(verbose=show.voice.verbose)
    return stop(state, seconds, detail)


def _wanted(client: ArmClient, group: str | None) -> dict[str, Any]:
    return {
        "subscription": client.profile.subscription_id,
        "resourceGroup": group or client.profile.resource_group,
    }


class _Verbs(click.Group):
    """The verbs of `azcmagent` beside those written here: the same commands, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *azcmagent.SHARED]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in azcmagent.SHARED:
            return azcmagent.load(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: self.get_command(ctx, name) for name in super().list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(100)) for name, each in sorted(own.items()) if each]
            )
        with formatter.section("As in azcmagent"):
            formatter.write_dl([(name, azcmagent.VERBS[name][1]) for name in azcmagent.SHARED])


@click.group(cls=_Verbs)
def agent() -> None:
    """Connect a server, or enrol a VM host; run its agent.

    \b
    On any server:         oob agent run
                           oob agent connect -g GROUP -l REGION -s SUBSCRIPTION
    With a token instead:  oob agent token > token            (on the control plane)
                           oob agent enroll --server https://HOST:8443 --token-file token
    """


@agent.command(epilog="Example:  oob agent token --hours 4 > token")
@click.option(
    "--hours", type=click.IntRange(1, 168), default=1, show_default=True, help="How long it is valid."
)
@click.option("--name", help="The name the host will have.  [default: its own]")
@options.group
@options.common
def token(hours: int, name: str | None, group: str | None, state: StateDir, output: str) -> None:
    """Make a one-time token that enrols one host. Hand it over as a file: it is shown once."""
    with options.sign_in(state) as client:
        body = _wanted(client, group) | {"hours": hours} | ({"name": name} if name else {})
        made = client.post("/fleet/tokens", body)
    show.emit(made, output, lambda it: show.line(it["token"]))


@agent.command(epilog="Example:  oob agent enroll --server https://oob.example:8443 --token-file token")
@click.option("--server", required=True, metavar="URL", help="https://HOST:PORT of the control plane")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the token; - is standard input.  [default: asked for]",
)
@click.option("--name", help="How the control plane lists this host.  [default: its own name]")
@options.of_agent
def enroll(server: str, token_file: Path | None, name: str | None, state: StateDir, output: str) -> None:
    """Make this host an agent of a control plane, with a key that never leaves it."""
    from outofband.agent.enroll import enrol, read_token

    identity = enrol(state, server=server, token=read_token(token_file), name=name)
    made = {"agent": identity.agent, "name": identity.name, "arm": identity.arm}
    words = f"Enrolled as {identity.name} at {identity.arm}. Now: oob agent run"
    show.emit(made, output, lambda _: show.line(words))


for _verb in (agent_identity.cloud, agent_identity.renew):
    agent.add_command(_verb)


@agent.command(epilog="With -o json the log has one JSON object a line.")
@options.of_agent
def run(state: StateDir, output: str) -> None:
    """Run the agent in the foreground until it is interrupted. Guests go on running when it ends."""
    from outofband.agent.himds import run as serve

    verbose, show.voice.verbose = show.voice.verbose, True
    serve(state, json_logs=output == "json" or None, verbose=verbose)


@agent.command(epilog="Example:  oob agent status -o json")
@options.of_agent
def status(state: StateDir, output: str) -> None:
    """What the agent on this host does: its link, its accelerator, its machines and their ports."""
    import msgspec

    from outofband.agent.local import look

    found = look(state)
    show.emit(msgspec.to_builtins(found), output, _table)


@agent.command(epilog="Example:  oob agent image web --disk web.qcow2   (the agent reads it when it starts)")
@click.argument("name")
@click.option("--kernel", type=click.Path(exists=True, dir_okay=False))
@click.option("--initrd", type=click.Path(exists=True, dir_okay=False))
@click.option("--cmdline", default="", help="The kernel's command line.")
@click.option("--disk", type=click.Path(exists=True, dir_okay=False))
@options.of_agent
def image(
    name: str,
    kernel: str | None,
    initrd: str | None,
    cmdline: str,
    disk: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Offer an image under NAME to the control plane: a kernel, a disk, or both."""
    if not kernel and not disk:
        raise click.UsageError("an image needs a --kernel, a --disk, or both")
    added = offer(
        state,
        name,
        kernel=_absolute(kernel),
        initrd=_absolute(initrd),
        cmdline=cmdline,
        disk=_absolute(disk),
    )
    words = (
        f"Image {name} is offered." if added else f"There is an image {name} already; nothing was changed."
    )
    show.emit({"image": name, "added": added}, output, lambda _: show.line(words))


for _each in (script, install, uninstall):
    agent.add_command(_each)


def _absolute(path: str | None) -> str | None:
    return str(Path(path).absolute()) if path else None


def _table(found: dict[str, Any]) -> None:
    runs = f"yes, process {found['pid']}, since {found['since']}" if found["running"] else "no"
    link = f"{found['link']} since {found['linkSince']}" if found["linkSince"] else found["link"]
    half = found["halfway"]
    show.facts(
        {
            "host": found["name"] if found["connected"] else "not connected to any control plane",
            "half done": f"{half['operation']} of {half['machine']}, since {half['since']}" if half else "",
            "control plane": found["arm"],
            "runs": show.local_times(runs),
            "link": show.local_times(link),
            "problem": found["problem"] or "",
            "accelerator": " ".join(filter(None, [found["accelerator"], found["probe"]])),
            "monitor mode": "on: nobody may type" if found["monitor"] else "",
            "object id": found["agent"],
            "certificate": show.local_times(f"until {found['expires']}") if found["expires"] else "",
            "managed identity": found["identity"] or "off",
            "clock": _clock(found["clockAhead"]),
            "streams": str(found["streams"]),
        }
    )
    for each in found["errors"]:
        show.line(f"{each['code']}: {each['message']}")
        for step in each["remedy"]:
            show.line(f"  remedy: {step}")
    machines = found["machines"]
    lines = [(each["name"], each["driver"], each["power"], *_port(each["ports"])) for each in machines]
    click.echo()
    show.rows(["VM", "DRIVER", "POWER", "LOG", "WRITER", "ALARM"], lines, empty="There are no machines.")
    for gap in found["gaps"]:
        size = gap["end"] - gap["start"]
        show.line(f"{gap['vm']} port {gap['port']}: {size or 'an unknown number of'} bytes lost")


def _clock(ahead: float | None) -> str:
    if ahead is None or abs(ahead) < CLOCK_SECONDS:
        return ""
    return f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the control plane's: set it (NTP)"


def _port(ports: list[dict[str, Any]]) -> tuple[str, str, str]:
    if not ports:
        return "", "", ""
    first = ports[0]
    return f"{first['start']}-{first['end']}", first.get("writer") or "", first.get("alarm") or ""
