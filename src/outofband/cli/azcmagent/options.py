"""What every verb of `azcmagent` shares: flags, the file of `--config`, the log, how a failure is told."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from outofband.catalogue import Words, say, verbatim
from outofband.cli import output as show
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent.running import Run
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.core.paths import StateDir, agent_state_dir
from outofband.wire.azcm import AzcmFault

F = TypeVar("F", bound=Callable[..., Any])
MAX_CONFIG = 256 * 1024
_SHORT_JSON = re.compile(r"-[hjv]*j[hjv]*")
_COMMON = ("config_file", "as_json", "log_stderr", "no_color", "verbose", "lang", "state")


class _Unusable(Exception):
    """Why a file of --config cannot be used."""

    def __init__(self, why: Words) -> None:
        super().__init__(str(why))
        self.why = why


def verb(*, log: bool = True) -> Callable[[F], click.Command]:
    """Make a verb of a function that takes a `Run` first, then its own parameters.

    `log`: the verb changes something, so it has to be able to say so in azcmagent.log. The verb returns its
    exit code; whatever its function raises is told here.
    """

    def made(function: F) -> F:
        @functools.wraps(function)
        def whole(**given: Any) -> int:
            common = {name: given.pop(name) for name in _COMMON}
            context = click.get_current_context()
            return run(context.info_name or "", function, common, given, log=log)

        return _common(whole)  # type: ignore[return-value]

    return made  # type: ignore[return-value]


def run(
    name: str, function: Callable[..., Any], common: dict[str, Any], given: dict[str, Any], *, log: bool
) -> int:
    """One verb to its end; its exit code."""
    before = (show.voice.locale, show.voice.verbose, os.environ.get("NO_COLOR"))
    if common["lang"]:
        show.voice.locale = common["lang"]
    if common["no_color"]:
        os.environ["NO_COLOR"] = "1"
    try:
        running = Run(
            name,
            state=common["state"],
            as_json=common["as_json"],
            verbose=common["verbose"],
            to_stderr=common["log_stderr"],
        )
        return _guarded(running, function, given, log=log)
    finally:
        show.voice.locale, show.voice.verbose = before[:2]
        if common["no_color"]:
            os.environ.pop("NO_COLOR", None)
            if before[2] is not None:
                os.environ["NO_COLOR"] = before[2]


def _guarded(running: Run, function: Callable[..., Any], given: dict[str, Any], *, log: bool) -> int:
    def ended(number: int, _: types.FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    former = signal.signal(signal.SIGTERM, ended)
    try:
        running.open_log(wanted=log)
        found = function(running, **given)
        running.log("info", f"azcmagent {running.name} ended", {"Exit Code": found or 0})
        return int(found or 0)
    except Fault as fault:
        return running.fail(failing.as_azcm(fault))
    except (click.Abort, KeyboardInterrupt) as error:
        return running.fail(running.interrupted(str(error)))
    except click.ClickException as error:
        return running.fail(failing.of_usage(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        what = failing.system(error, error.filename or "")
        return running.fail(AzcmFault("AZCM0101Execution", detail=what), error)
    except Exception as error:
        return running.fail(failing.unforeseen(error), error)
    finally:
        signal.signal(signal.SIGTERM, former)
        running.close()


def wants_json(arguments: list[str]) -> bool:
    """Whether a command line asks for JSON; looked at by hand: a fault may come before it is parsed."""
    for word in arguments:
        if word == "--":
            break
        if word == "--json" or _SHORT_JSON.fullmatch(word):
            return True
    return False


def _state(_: click.Context, __: click.Parameter, value: Path | None) -> StateDir:
    return agent_state_dir(value)


def _config(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    """Put what the file says below what the command line says."""
    if value is not None:
        ctx.default_map = {**(ctx.default_map or {}), **read_config(value, ctx.command)}
    return value


def read_config(file: Path, command: click.Command) -> dict[str, Any]:
    """Values by parameter, of a JSON or YAML file whose keys are names of flags.

    Raises AzcmFault AZCM0019.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_CONFIG + 1)
        if len(text) > MAX_CONFIG:
            raise _Unusable(say("config-too-large", bytes=MAX_CONFIG))
        raw = _parse(file, text.decode())
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            raise _Unusable(say("config-no-mapping"))
        known = _flags(command)
        found: dict[str, Any] = {}
        for key, given in raw.items():
            parameter = known.get(str(key).lstrip("-").replace("_", "-").lower())
            if parameter is None:
                raise _Unusable(say("config-no-such-flag", key=key, verb=command.name))
            if not isinstance(parameter.name, str):
                continue
            found[parameter.name] = _value(parameter, given)
        return found
    except OSError as error:
        raise AzcmFault("AZCM0019", file=str(file), detail=failing.system(error)) from error
    except _Unusable as unusable:
        raise AzcmFault("AZCM0019", file=str(file), detail=unusable.why) from unusable
    except (ValueError, RecursionError) as error:
        # What the reader of the format says, with its line.
        said = verbatim(str(error).replace("\n", " "))
        raise AzcmFault("AZCM0019", file=str(file), detail=said) from error


def _parse(file: Path, text: str) -> Any:
    if file.suffix.lower() == ".json":
        return json.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _flags(command: click.Command) -> dict[str, click.Option]:
    return {
        name.removeprefix("--"): each
        for each in command.params
        if isinstance(each, click.Option) and each.name not in ("config_file", "help")
        for name in (*each.opts, *each.secondary_opts)
        if name.startswith("--")
    }


def _value(parameter: click.Option, given: Any) -> Any:
    """As click takes a default: flags are booleans, all else is text."""
    if parameter.is_flag:
        if not isinstance(given, bool):
            raise _Unusable(say("config-flag-boolean", flag=parameter.opts[-1]))
        return given
    if isinstance(given, dict) and parameter.name == "tags":
        from outofband.cli.azcmagent.tags import written

        return written({str(name): str(value) for name, value in given.items()})
    if isinstance(given, dict | list) or given is None:
        raise _Unusable(say("config-flag-one-value", flag=parameter.opts[-1]))
    return str(given)


def _common(function: F) -> F:
    for option in (
        click.option(
            "--state",
            type=click.Path(file_okay=False, path_type=Path),
            callback=_state,
            help="State directory.  [default: $OOB_STATE, the installed agent's, else the user's own]",
        ),
        click.option("--lang", type=click.Choice(LOCALES), help="Language of errors and remedies."),
        click.option("-v", "--verbose", is_flag=True, help="Show what goes into the log as well."),
        click.option("--no-color", "no_color", is_flag=True, help="No colours."),
        click.option(
            "--log-stderr", "log_stderr", is_flag=True, help="Errors and what -v shows go to standard error."
        ),
        click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--config",
            "config_file",
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            callback=_config,
            is_eager=True,
            help="JSON or YAML file with flags and their values; the command line wins.",
        ),
    ):
        function = option(function)
    return function
