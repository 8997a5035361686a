"""`oob`: the group of all verbs, and the one place where a fault becomes words and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from outofband import __version__
from outofband.cli import output
from outofband.core import locale
from outofband.core.errors import Fault

VERBS: dict[str, tuple[str, str, str]] = {
    # name: (section, module:attribute, what `oob --help` says of it)
    "up": ("Start and stop", "up:up", "Start everything on this machine: control plane, agent, demo VM"),
    "down": ("Start and stop", "down:down", "Stop what `oob up` started; all state stays"),
    "status": ("Start and stop", "status:status", "What runs, where, and whether it is well"),
    "serve": ("Start and stop", "serve:serve", "Run the control plane in the foreground"),
    "trust": ("Start and stop", "trust:trust", "How to trust this control plane's certificates"),
    "console": ("Machines", "console:console", "Open a VM's serial console"),
    "paste": ("Machines", "paste:paste", "Type a file at a VM's console, as fast as the guest takes it"),
    "broadcast": ("Machines", "broadcast:broadcast", "Type lines at many VMs' consoles, each checked before"),
    "vm": ("Machines", "vm:vm", "List, create, change, start, stop, import and delete VMs"),
    "machine": ("Machines", "machine:machine", "Connected servers: list, show, take out"),
    "webhook": ("Machines", "webhook:webhook", "Have an address told of what VMs print when they fail"),
    "vmss": ("Machines", "vmss:vmss", "Scale sets: as many VMs of one kind as are asked for"),
    "serial": ("Machines", "serial:serial", "NMI, SysRq, Ctrl-Alt-Del, reset; switch consoles off and on"),
    "probe": ("Machines", "probe:probe", "Whether RDP or SSH of a machine answers, and what is in the way"),
    "rescue": (
        "Machines",
        "rescue:rescue",
        "Get back in by RDP or SSH: eight steps that find, mend and prove",
    ),
    "login": ("People", "login:login", "Sign in as a person; every verb then works in your name"),
    "logout": ("People", "login:logout", "End that sign-in"),
    "identity": ("People", "identity:identity", "People, groups and clients; let an administrator in again"),
    "audit": ("People", "audit:audit", "Who did what; prove that nobody changed the record of it"),
    "keys": ("Keys", "keys:keys", "Master key and signing keys: what there is, and changing them"),
    "ca": ("Keys", "ca:ca", "The control plane's authority and certificate"),
    "az": ("Azure's clients", "az:az", "Azure's own command line on this control plane"),
    "agent": ("Hosts", "agent:agent", "Enrol and run the agent of a VM host"),
    "sim": ("Hosts", "sim:sim", "Agents that play hosts: how many a control plane stands"),
    "explain": ("Help", "explain:explain", "What an error code means and what to do about it"),
    "completion": ("Help", "completion:completion", "Print the completion script for your shell"),
}
EXIT_USAGE = 2


class Verbs(click.Group):
    """Knows every verb by name and help line; imports its module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, attribute = VERBS[cmd_name][1].split(":")
        command: click.Command = getattr(importlib.import_module(f"outofband.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, (section, _, words) in VERBS.items():
            sections.setdefault(section, []).append((name, words))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb takes -o json, -q and -v. Exit codes: docs/reference/exit-codes.md",
)
@click.version_option(__version__, prog_name="oob")
def oob() -> None:
    """Get back into machines when RDP, SSH, the network or the boot is broken.

    \b
    Begin with:
      oob up
      oob console demo
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `oob` script; never returns."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    output.voice.quiet = output.voice.verbose = False
    output.voice.signed_in = ""
    output.voice.locale = locale.of_environment(os.environ)
    as_json = output.wants_json(arguments)
    try:
        result: Any = oob.main(args=arguments, prog_name="oob", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as wrong:
        if as_json:
            return output.report(Fault("UsageInvalid", detail=wrong.format_message()), as_json=True)
        wrong.show()
        return EXIT_USAGE
    except Fault as fault:
        return _tell(fault, fault.__cause__, as_json)
    except (click.Abort, KeyboardInterrupt):
        return output.report(Fault("OperationCanceled"), as_json=as_json)
    except (SystemExit, BrokenPipeError):
        # The reader of our output has gone (`oob vm list | head`), which click turns into SystemExit.
        return output.nobody_reads()
    except Exception as error:
        return _tell(Fault("ClientDefect", detail=f"{type(error).__name__}: {error}"), error, as_json)
    return result if isinstance(result, int) else 0


def _tell(fault: Fault, inner: BaseException | None, as_json: bool) -> int:
    if output.voice.verbose and inner is not None:
        import traceback

        output.trace("".join(traceback.format_exception(inner)).rstrip())
    return output.report(fault, as_json=as_json)
