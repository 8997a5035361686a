"""`azcmagent config`: the settings of this server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from outofband.catalogue import say, verbatim
from outofband.cli import output as screen
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.rights import require_owner
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.agent.settings import Settings
    from outofband.cli.azcmagent.running import Run

WIDTH = 40
_SET = "Config property {key} set to value"
_PROXY_UPDATED = "INFO    Updating service configuration: Azure Arc Proxy"


@click.group()
def config() -> None:
    """Show and change the settings of this server."""


@config.command("list", epilog="Example:  azcmagent config list -j")
@verb(log=False)
def list_(run: Run) -> int:
    """All settings and their values."""
    from outofband.agent.settings import SETTINGS

    found = _load(run).shown()
    if run.as_json:
        run.emit({"localSettings": found})
        return 0
    screen.line("Local Configuration Settings")
    for name, each in SETTINGS.items():
        titled = f"{name} (preview)" if each.preview else name
        screen.line(f"  {titled:<{WIDTH}}: {_written(found[name])}".rstrip())
    return 0


@config.command(epilog="Example:  azcmagent config get proxy.url")
@click.argument("name", metavar="PROPERTY")
@verb(log=False)
def get(run: Run, *, name: str) -> int:
    """The value of one setting."""
    shown = _load(run).shown()
    key = _find(name)
    run.emit({key: shown[key]}, verbatim(_written(shown[key])))
    return 0


@config.command("set", epilog="Example:  azcmagent config set proxy.bypass Arc --add")
@click.argument("name", metavar="PROPERTY")
@click.argument("value")
@click.option("-a", "--add", is_flag=True, help="Put VALUE at the end of a list.")
@click.option("-r", "--remove", is_flag=True, help="Take VALUE out of a list.")
@verb()
def set_(run: Run, *, name: str, value: str, add: bool, remove: bool) -> int:
    """Change one setting. VALUE of a list has commas between its items."""
    if add and remove:
        raise AzcmFault("AZCM0027", detail=say("exclude-each-other", one="--add", other="--remove"))
    if name.lower() == "proxy.url" and "@" in value:
        login = value.rpartition("@")[0]
        run.hide((login.partition("://")[2] or login).partition(":")[2])

    def change(settings: Settings) -> None:
        if settings.get("config.mode") == "monitor" and _find(name).endswith(("allowlist", "blocklist")):
            raise AzcmFault("AZCM0069", property=_find(name), detail=say("monitor-changes-no-lists"))
        if add:
            settings.add(name, value)
        elif remove:
            settings.remove(name, value)
        else:
            settings.set(name, value)

    return _change(run, name, change)


@config.command(epilog="Example:  azcmagent config clear proxy.url")
@click.argument("name", metavar="PROPERTY")
@verb()
def clear(run: Run, *, name: str) -> int:
    """Give one setting its default again."""
    return _change(run, name, lambda settings: settings.clear(name))


@config.command(epilog="Example:  azcmagent config info proxy.bypass")
@click.argument("name", metavar="[PROPERTY]", required=False)
@verb(log=False)
def info(run: Run, *, name: str | None) -> int:
    """What the settings are for and which values they take."""
    from outofband.agent.settings import SETTINGS
    from outofband.cli.azcmagent.places import installed

    wanted = [_find(name)] if name else list(SETTINGS)
    rows = {key: _about(SETTINGS[key], key) for key in wanted}
    place = None if name else installed(run.state)
    cloud = {"name": place.name, "resourceManager": place.arm} if place else None
    if run.as_json:
        run.emit({"settings": rows, "cloud": cloud})
        return 0
    for key, row in rows.items():
        screen.heading(key)
        screen.line(f"  {screen.here(say(f'setting-{key}'))}")
        default = _written(row["default"]) or say("empty")
        known = {"kind": say(f"kind-{row['kind']}"), "default": default, "values": ", ".join(row["values"])}
        screen.line(f"  {screen.here(say('takes-one-of' if row['values'] else 'takes', **known))}")
        if not row["effect"]:
            screen.line(f"  {screen.here(say('kept-without-effect'))}")
    if not name:
        words = say("cloud-at", name=place.name, address=place.arm) if place else say("cloud-none")
        screen.line(screen.here(words))
    return 0


def _about(setting: Any, name: str) -> dict[str, Any]:
    return {
        "means": str(say(f"setting-{name}")),
        "kind": str(setting.kind),
        "values": list(setting.words),
        "default": setting.default,
        "effect": setting.effect,
        "preview": setting.preview,
    }


def _change(run: Run, name: str, change: Callable[[Settings], None]) -> int:
    from outofband.agent import local, settings

    key = _find(name)
    require_owner(run.state)
    try:
        with settings.changing(run.state):
            current = _load(run)
            change(current)
            settings.save(run.state, current)
    except AzcmFault:
        raise
    except Fault as fault:
        raise failing.as_azcm(fault) from fault
    except OSError as error:
        raise AzcmFault("AZCM0069", property=key, detail=failing.system(error)) from error
    value = current.shown()[key]
    told = True
    try:
        local.reload(run.state)
    except Fault as fault:
        if fault.code != "AgentServiceDown":
            raise failing.as_azcm(fault) from fault
        told = False
    run.log("info", f"Config property {key} set", {"Value": _written(value)})
    # These two lines are those of Azure's agent, which scripts look for.
    words = [verbatim(f"{_SET.format(key=key)} {_written(value)}".rstrip())]
    if key.startswith("proxy."):
        words.append(verbatim(_PROXY_UPDATED))
    if not told:
        words.append(say("when-himds-starts"))
    if not settings.SETTINGS[key].effect:
        words.append(say("kept-without-effect"))
    run.emit({"property": key, "value": value, "applied": told}, *words)
    return 0


def _load(run: Run) -> Settings:
    """Raises AzcmFault AZCM0070."""
    from outofband.agent import settings

    try:
        return settings.load(run.state)
    except Fault as fault:
        raise failing.as_azcm(fault, "AZCM0070") from fault


def _find(name: str) -> str:
    """Raises AzcmFault AZCM0023."""
    from outofband.agent import settings

    try:
        return settings.find(name).name
    except Fault as fault:
        raise failing.as_azcm(fault, "AZCM0023", argument="PROPERTY") from fault


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(value) + "]"
    return str(value)
