"""Options every verb has, and what they make: the state directory and a signed-in client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from outofband.cli import output as show
from outofband.core.locale import LOCALES
from outofband.core.paths import StateDir, agent_state_dir, state_dir

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

MACHINES = "providers/Microsoft.HybridCompute/machines"
HYBRID_VERSION = "2024-07-10"

F = TypeVar("F", bound=Callable[..., Any])


def _state(_: click.Context, __: click.Parameter, value: str | None) -> StateDir:
    return state_dir(value)


def _agent_state(_: click.Context, __: click.Parameter, value: str | None) -> StateDir:
    return agent_state_dir(value)


def _quiet(_: click.Context, __: click.Parameter, value: bool) -> None:
    show.voice.quiet = value


def _verbose(_: click.Context, __: click.Parameter, value: bool) -> None:
    show.voice.verbose = value


def _language(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value is not None:
        show.voice.locale = value


def printing(function: F) -> F:
    """`-o/--output`, passed as `output` (str); `-q`, `-v` and `--lang`, which only set `output.voice`."""
    for option in (
        click.option(
            "--lang",
            type=click.Choice(LOCALES),
            expose_value=False,
            is_eager=True,
            callback=_language,
            help="Language of errors and remedies.  [default: $OOB_LANG, $LC_ALL, $LANG, else en]",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            expose_value=False,
            callback=_verbose,
            help="Show every request, and where an unexpected failure came from.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet, help="Only the result."
        ),
        click.option(
            "-o",
            "--output",
            type=click.Choice(show.OUTPUTS),
            default="table",
            show_default=True,
            help="How to print.",
        ),
    ):
        function = option(function)
    return function


def common(function: F) -> F:
    """As `printing`, and `--state`, passed as `state` (StateDir)."""
    return printing(
        click.option(
            "--state",
            type=click.Path(file_okay=False, path_type=Path),
            callback=_state,
            help="State directory.  [default: $OOB_STATE or ~/.local/share/outofband]",
        )(function)
    )


def of_agent(function: F) -> F:
    """As `common` for what concerns the agent of this host: the installed one, where there is one."""
    return printing(
        click.option(
            "--state",
            type=click.Path(file_okay=False, path_type=Path),
            callback=_agent_state,
            help="State directory.  [default: $OOB_STATE, the installed agent's, ~/.local/share/outofband]",
        )(function)
    )


def signing_in(function: F) -> F:
    """How a user's sign-in is tried: `--password-file` and `--session`, passed as `password_file` (Path or
    None) and `session` (bool).
    """
    password = click.option(
        "--password-file",
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        help="File with the password; - is standard input.  [default: asked for]",
    )
    session = click.option(
        "--session",
        is_flag=True,
        help="Begin a session of Remote Desktop, up to the server's word on licences, and leave.",
    )
    return password(session(function))


def group(function: F) -> F:
    """`-g/--resource-group`, passed as `group` (str or None for the profile's own)."""
    return click.option("-g", "--resource-group", "group", help="Resource group.  [default: the profile's]")(
        function
    )


def port(function: F) -> F:
    """`--port`, passed as `port` (str): which serial port of the VM, or of each of them."""
    return click.option("--port", default="0", show_default=True, help="Serial port of the VM.")(function)


def sign_in(
    state: StateDir, reason: str = "", *, traced: bool = True, local: bool = False, hurried: bool = False
) -> ArmClient:
    """A client for the person who signed in with `oob login`, else for the control plane of this state.

    `reason` is told with every change. `local` is for what concerns this host alone: always the latter. With
    `-v` its requests are shown, unless `traced` is False. Raises Fault StateNotFound when there is neither.
    """
    from outofband.client.opening import open_client
    from outofband.client.profile import local_profile

    trace = show.trace if traced and show.voice.verbose else None
    client = open_client(state, local_profile(state) if local else None, trace=trace, hurried=hurried)
    client.reason = reason
    client.speak(show.voice.locale)
    show.voice.signed_in = client.profile.signed_in
    return client


def complete(ctx: click.Context, names: Callable[[ArmClient], list[str]]) -> list[str]:
    """Names from the server; silence when it does not answer, for a shell must not hang on Tab."""
    try:
        state = ctx.params.get("state") or state_dir()
        with sign_in(state, traced=False, hurried=True) as client:
            return names(client)
    except Exception:
        # Whatever it is: a traceback in the middle of a command line that is being typed helps nobody.
        return []


def complete_vm(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """VM names from the server, as `complete`."""

    def names(client: ArmClient) -> list[str]:
        scope = client.group(ctx.params.get("group"))
        return [vm["name"] for vm in client.list(f"{scope}/providers/Microsoft.Compute/virtualMachines")]

    return [name for name in complete(ctx, names) if name.lower().startswith(incomplete.lower())]


def machine(function: F) -> F:
    """`--machine`, passed as `machine`: NAME is a connected server, and its own console is meant."""
    return click.option(
        "--machine", is_flag=True, help="NAME is a connected server: its own console, not that of a VM on it."
    )(function)


def console_of(client: ArmClient, name: str, group: str | None, machine: bool) -> str:
    """The id of what has the console: a VM, an instance, a server, or whatever is named by its id."""
    if name.startswith("/"):
        return name
    return client.machine(name, group) if machine else client.vm(name, group)


def complete_console(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of VMs, or with `--machine` of servers that have a console, as `complete`."""
    if not ctx.params.get("machine"):
        return complete_vm(ctx, parameter, incomplete)

    def names(client: ArmClient) -> list[str]:
        found = client.list(f"{client.group(ctx.params.get('group'))}/{MACHINES}", version=HYBRID_VERSION)
        return [each["name"] for each in found if (each["properties"].get("outofband") or {}).get("console")]

    return [name for name in complete(ctx, names) if name.lower().startswith(incomplete.lower())]


def complete_machine(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of connected servers, as `complete`."""

    def names(client: ArmClient) -> list[str]:
        scope = client.group(ctx.params.get("group"))
        return [each["name"] for each in client.list(f"{scope}/{MACHINES}", version=HYBRID_VERSION)]

    return [name for name in complete(ctx, names) if name.lower().startswith(incomplete.lower())]


def complete_scale_set(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of scale sets, as `complete`."""

    def names(client: ArmClient) -> list[str]:
        scope = client.group(ctx.params.get("group"))
        found = client.list(f"{scope}/providers/Microsoft.Compute/virtualMachineScaleSets")
        return [each["name"] for each in found]

    return [name for name in complete(ctx, names) if name.lower().startswith(incomplete.lower())]


def tags(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` as often as wanted; an empty value is one."""
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{each}' is not NAME=VALUE")
        found[name] = value
    return found
