"""Settings of one server, as `azcmagent config` shows and changes them: `agent/localconfig.json`.

The names, their values and their defaults are the Connected Machine agent's. Some have an effect here, others
are of parts that this agent has not, are kept for scripts that set them, and are told as without effect.
What stands in agent.toml is stricter than any of them: a setting never allows what that file forbids.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from outofband.agent.config import HostConfig
from outofband.catalogue import Words, say
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.net import proxies

MAX_SIZE = 256 * 1024
MAX_ITEMS = 256
CHANGE_SECONDS = 10.0
_AGAIN_SECONDS = 0.02
Value = bool | int | str | list[str]


class Kind(enum.StrEnum):
    FLAG = "flag"
    TEXT = "text"
    LIST = "list"
    PERCENT = "percent"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """`words` are the values it takes, any where there are none; `effect`: whether it does anything here."""

    name: str
    kind: Kind
    default: Value
    words: tuple[str, ...] = ()
    effect: bool = True
    preview: bool = False


SETTINGS = {
    each.name: each
    for each in (
        Setting(name="incomingconnections.enabled", kind=Kind.FLAG, default=True, preview=True),
        Setting(name="incomingconnections.ports", kind=Kind.LIST, default=[], preview=True),
        Setting(
            name="connection.type",
            kind=Kind.TEXT,
            default="default",
            words=("default", "direct", "gateway"),
            effect=False,
            preview=True,
        ),
        Setting(name="proxy.url", kind=Kind.TEXT, default=""),
        Setting(name="proxy.bypass", kind=Kind.LIST, default=[]),
        Setting(name="extensions.allowlist", kind=Kind.LIST, default=[], effect=False),
        Setting(name="extensions.blocklist", kind=Kind.LIST, default=[], effect=False),
        Setting(name="guestconfiguration.enabled", kind=Kind.FLAG, default=True, effect=False),
        Setting(name="extensions.enabled", kind=Kind.FLAG, default=True, effect=False),
        Setting(name="config.mode", kind=Kind.TEXT, default="full", words=("full", "monitor")),
        Setting(name="guestconfiguration.agent.cpulimit", kind=Kind.PERCENT, default=5, effect=False),
        Setting(name="extensions.agent.cpulimit", kind=Kind.PERCENT, default=5, effect=False),
    )
}
"""By name, in the order in which they are listed."""
_PORT = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_HOST = re.compile(r"[*]?[A-Za-z0-9.-]{1,253}")


def path(state: StateDir) -> Path:
    return state.agent / "localconfig.json"


class Settings:
    """What was set; everything else has its default."""

    def __init__(self, changed: dict[str, Value] | None = None) -> None:
        self.changed = changed or {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.changed == other.changed

    __hash__ = None  # type: ignore[assignment]

    def get(self, name: str) -> Value:
        """Raises Fault AgentSettingUnknown."""
        return self.changed.get(name, find(name).default)

    def set(self, name: str, text: str) -> Value:
        """Take a value as it is typed: lists separated by commas, flags as true or false; what it became.

        Raises Fault AgentSettingUnknown or AgentSettingInvalid.
        """
        setting = find(name)
        self.changed[setting.name] = value = _read(setting, text)
        return value

    def add(self, name: str, text: str) -> Value:
        """Put what a list has not yet at its end. Raises Fault as `set` does."""
        setting = _list(name)
        more = _read(setting, text)
        assert isinstance(more, list)
        self.changed[setting.name] = value = _checked(setting, [*self._items(setting), *more])
        return value

    def remove(self, name: str, text: str) -> Value:
        """Take away from a list what it has. Raises Fault as `set` does."""
        setting = _list(name)
        away = {each.lower() for each in _items(text)}
        self.changed[setting.name] = value = [
            each for each in self._items(setting) if each.lower() not in away
        ]
        return value

    def clear(self, name: str) -> None:
        """Back to its default. Raises Fault AgentSettingUnknown."""
        self.changed.pop(find(name).name, None)

    def shown(self) -> dict[str, Value]:
        """All of them by name, fit for people and the machine resource: without a proxy's password."""
        found = {name: self.get(name) for name in SETTINGS}
        found["proxy.url"] = proxies.redacted(str(found["proxy.url"]))
        return found

    # What they mean here.

    @property
    def consoles(self) -> bool:
        """Whether consoles may be opened through this agent."""
        return bool(self.get("incomingconnections.enabled"))

    @property
    def ports(self) -> list[str]:
        """Serial ports that consoles may be opened of; empty: all."""
        return self._items(SETTINGS["incomingconnections.ports"])

    @property
    def monitor(self) -> bool:
        return self.get("config.mode") == "monitor"

    def applied(self, config: HostConfig) -> HostConfig:
        """agent.toml as these settings narrow it."""
        if not self.monitor or config.policy.monitor:
            return config
        return msgspec.structs.replace(config, policy=msgspec.structs.replace(config.policy, monitor=True))

    def use_proxy(self) -> None:
        """Let this process connect through the proxy that is set, whatever its environment says."""
        proxies.configure(str(self.get("proxy.url")), self._items(SETTINGS["proxy.bypass"]))

    def _items(self, setting: Setting) -> list[str]:
        value = self.get(setting.name)
        assert isinstance(value, list)
        return value


def find(name: str) -> Setting:
    """Raises Fault AgentSettingUnknown."""
    if (found := SETTINGS.get(name.strip().lower())) is None:
        raise Fault("AgentSettingUnknown", name=name, known=", ".join(SETTINGS))
    return found


def load(state: StateDir) -> Settings:
    """Raises Fault AgentSettingsInvalid when there is a file that cannot be read: what it forbade is not
    allowed for that.
    """
    try:
        with path(state).open("rb") as file:
            text = file.read(MAX_SIZE + 1)
        if len(text) > MAX_SIZE:
            raise ValueError(f"it is larger than {MAX_SIZE} bytes")
        raw = msgspec.json.decode(text, type=dict[str, Value])
        return Settings({name: _checked(find(name), value) for name, value in raw.items()})
    except FileNotFoundError:
        return Settings()
    except Fault as fault:
        detail = f"{fault.fields.get('name')}: {fault.fields.get('detail', 'no such setting')}"
        raise Fault("AgentSettingsInvalid", path=str(path(state)), detail=detail) from fault
    except (OSError, ValueError, RecursionError) as error:
        raise Fault("AgentSettingsInvalid", path=str(path(state)), detail=str(error)) from error


@contextlib.contextmanager
def changing(state: StateDir) -> Iterator[None]:
    """From `load` to `save`: of two who change settings at once the second begins when the first is done.

    Blocks. Raises OSError when that takes longer than CHANGE_SECONDS.
    """
    state.agent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The folder itself: a lock file would be of whoever came first, and closed to the others.
    handle = os.open(state.agent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = clock.monotonic() + CHANGE_SECONDS
        while not _took(handle):
            if clock.monotonic() > end:
                raise TimeoutError(f"another change of settings did not end within {CHANGE_SECONDS:.0f} s")
            clock.pause(_AGAIN_SECONDS)
        yield
    finally:
        os.close(handle)


def _took(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def save(state: StateDir, settings: Settings) -> None:
    """Write the file; then the agent, if it runs, is to be told (agent.local.reload)."""
    write_private(path(state), msgspec.json.format(msgspec.json.encode(settings.changed)), like_folder=True)


def _list(name: str) -> Setting:
    setting = find(name)
    if setting.kind is not Kind.LIST:
        raise Fault("AgentSettingInvalid", name=setting.name, value=name, detail=say("setting-no-list"))
    return setting


def _items(text: str) -> list[str]:
    return [each for part in text.split(",") if (each := part.strip())]


def _read(setting: Setting, text: str) -> Value:
    typed = text.strip()
    value: Value = typed
    if setting.kind is Kind.FLAG:
        if typed.lower() not in ("true", "false"):
            raise _invalid(setting, typed, say("expected-flag"))
        value = typed.lower() == "true"
    elif setting.kind is Kind.PERCENT:
        if not typed.isascii() or not typed.isdecimal():
            raise _invalid(setting, typed, say("expected-number"))
        value = int(typed)
    elif setting.kind is Kind.LIST:
        value = _items(typed)
    return _checked(setting, value)


def _checked(setting: Setting, value: Value) -> Value:
    """The value as it is kept. Raises Fault AgentSettingInvalid."""
    match setting.kind, value:
        case (Kind.FLAG, bool()):
            return value
        case (Kind.PERCENT, int()) if not isinstance(value, bool):
            if not 1 <= value <= 100:
                raise _invalid(setting, value, say("expected-percent"))
            return value
        case (Kind.TEXT, str()):
            if setting.name == "proxy.url":
                return _proxy(setting, value)
            return _word(setting, value)
        case (Kind.LIST, list()) if all(isinstance(each, str) for each in value):
            if len(value) > MAX_ITEMS:
                raise _invalid(setting, value[0], say("expected-at-most", most=MAX_ITEMS))
            if setting.name == "incomingconnections.ports":
                for each in value:
                    if not _PORT.fullmatch(each):
                        raise _invalid(setting, each, say("expected-port"))
            take = _bypass if setting.name == "proxy.bypass" else _word
            return list(dict.fromkeys(take(setting, each) for each in value))
    raise _invalid(setting, value, say("expected-kind", kind=say(f"kind-{setting.kind}")))


def _word(setting: Setting, value: str) -> str:
    if not setting.words:
        return value
    for word in setting.words:
        if word.lower() == value.lower():
            return word
    raise _invalid(setting, value, say("one-of", known=", ".join(setting.words)))


def _bypass(setting: Setting, value: str) -> str:
    """One of Azure's words for services, or a host."""
    for word in proxies.SERVICES:
        if word.lower() == value.lower():
            return word
    if "." in value and _HOST.fullmatch(value):
        return value.lower()
    raise _invalid(setting, value, say("host-or-one-of", known=", ".join(proxies.SERVICES)))


def _proxy(setting: Setting, value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        fine = parts.scheme == "http" and parts.hostname and parts.port != 0 and value.isprintable()
    except ValueError:
        fine = False
    if not fine or " " in value:
        raise _invalid(
            setting, proxies.redacted(value), say("expected-proxy", form="http://[USER:PASSWORD@]HOST[:PORT]")
        )
    return value


def _invalid(setting: Setting, value: Any, detail: Words) -> Fault:
    return Fault("AgentSettingInvalid", name=setting.name, value=str(value)[:200], detail=detail)
