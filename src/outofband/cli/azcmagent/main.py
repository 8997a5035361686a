"""`azcmagent`: the group of its verbs, and the end of a command line that could not be understood."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from outofband.catalogue import say
from outofband.cli import output
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent.options import wants_json
from outofband.core import locale
from outofband.wire.azcm import AzcmFault

VERBS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, what `azcmagent --help` says of it)
    "connect": ("connect:connect", "Connect this server to a control plane"),
    "disconnect": ("disconnect:disconnect", "Disconnect it: delete its resource and forget the connection"),
    "show": ("show:show", "How this server is connected"),
    "check": ("check:check", "Walk the way to the control plane, and say where it ends"),
    "config": ("config:config", "Show and change the settings of this server"),
    "logs": ("logs:logs", "Collect the logs in a ZIP archive"),
    "genkey": ("more:genkey", "Make the key and print its public half"),
    "rekey": ("more:rekey", "Replace the key by a new one"),
    "extension": ("more:extension", "Extensions: this agent runs none"),
    "version": ("more:version", "The version of this agent"),
    "license": ("more:license_", "The licence of this agent"),
    "completion": ("more:completion", "Print the completion script for your shell"),
    "help": ("more:help_", "The help of a verb"),
}
SHARED = tuple(name for name in VERBS if name not in ("completion", "help", "version", "license"))
"""Verbs that `oob agent` has as well."""
COMPLETE = "_AZCMAGENT_COMPLETE"
"""Variable by which a shell asks for completions."""


def load(name: str) -> click.Command:
    """A verb by its name; its module is imported now."""
    module, attribute = VERBS[name][0].split(":")
    command: click.Command = getattr(importlib.import_module(f"outofband.cli.azcmagent.{module}"), attribute)
    return command


class Verbs(click.Group):
    """Knows every verb by name and help line; imports its module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name) if cmd_name in VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            raise AzcmFault("AZCM0101", detail=say("no-such-verb", verb=args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in VERBS.items()])


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb takes -j, -v, --config, --no-color, --log-stderr. Exit code: the number of the code.",
)
@click.version_option(None, package_name="outofband", prog_name="azcmagent")
def azcmagent() -> None:
    """The Connected Machine agent: this server as a machine of a control plane.

    \b
    Begin with:
      azcmagent connect -g GROUP -l REGION -s SUBSCRIPTION
      azcmagent show
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `azcmagent` script; never returns."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    output.voice.locale = locale.of_environment(os.environ)
    output.voice.quiet = output.voice.verbose = False
    try:
        result: Any = azcmagent.main(args=arguments, prog_name="azcmagent", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        return 0
    except click.ClickException as wrong:
        return _wrong(failing.of_usage(wrong), arguments)
    except AzcmFault as fault:
        return _wrong(fault, arguments)
    except (click.Abort, KeyboardInterrupt):
        return _wrong(AzcmFault("AZCM0011", detail=say("nothing-begun")), arguments)
    except SystemExit as ended:
        if COMPLETE in os.environ:
            return int(ended.code or 0)
        return output.nobody_reads()
    except BrokenPipeError:
        return output.nobody_reads()
    except Exception as error:
        # Not even the verb could be had: a part of the program is missing or damaged.
        return _wrong(failing.unforeseen(error), arguments)
    return result if isinstance(result, int) else 0


def _wrong(fault: AzcmFault, arguments: list[str]) -> int:
    """A failure before a verb ran, in the language that `--lang` asks for."""
    if "--lang" in arguments[:-1]:
        output.voice.locale = locale.known(arguments[arguments.index("--lang") + 1]) or output.voice.locale
    told = failing.told(fault, output.voice.locale)
    failing.print_told(told, as_json=wants_json(arguments), to_stderr="--log-stderr" in arguments)
    return told.exit_code


if __name__ == "__main__":
    main()
