"""Which extensions are carried out here, and how: from publisher and type to what is run in the guest.

Every other one is stored and given back, as a client that manages it expects.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import re
import zlib
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.compute.extension_scripts import VM_ACCESS, custom_script
from outofband.wire.script import MAX_SCRIPT, Parameter, Protected, RunArgs
from outofband.wire.steps import accounts, powershell, remote_desktop, report

VM_ACCESS_LINUX = ("microsoft.ostcextensions", "vmaccessforlinux")
VM_ACCESS_WINDOWS = ("microsoft.compute", "vmaccessagent")
CUSTOM_SCRIPT = (
    ("microsoft.azure.extensions", "customscript"),
    ("microsoft.ostcextensions", "customscriptforlinux"),
)
MAX_FILES = 16
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ADDRESS = re.compile(r"https?://[!#-~]{1,2000}")
_KEY = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( |\Z)")
_MAX_PASSWORD = 512
_ACCESS_MINUTES, _SCRIPT_MINUTES = 10, 90


class Password(msgspec.Struct, frozen=True, kw_only=True):
    """An account's new password, given by the guest agent's own means."""

    user: str
    password: str


class VmAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Protected settings of VMAccessForLinux."""

    username: str | None = None
    password: str | None = None
    ssh_key: str | None = None
    reset_ssh: bool | str | None = None
    remove_user: str | None = None
    remove_prior_keys: bool | str | None = None
    expiration: str | None = None


class CustomScript(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Settings of CustomScript, public or protected."""

    command_to_execute: str | None = None
    script: str | None = None
    file_uris: list[str] | None = None


Deed = RunArgs | Password | None
"""None: there is nothing to do."""


def deed(
    publisher: str,
    kind: str,
    settings: dict[str, Any],
    protected: dict[str, Any],
    *,
    windows: bool = False,
) -> Deed:
    """What writing such an extension does. Raises Fault InvalidParameter, VmAccessPasswordMissing,
    VmAccessForWindows.
    """
    which = (publisher.lower(), kind.lower())
    if which == VM_ACCESS_LINUX:
        return _vm_access(_shaped(protected, VmAccess, "protectedSettings"), settings)
    if which == VM_ACCESS_WINDOWS and windows:
        return _windows_access(settings, protected)
    if which == VM_ACCESS_WINDOWS:
        return _password(settings, protected)
    if which in CUSTOM_SCRIPT:
        given = _shaped(settings, CustomScript, "settings")
        return _custom_script(given, _shaped(protected, CustomScript, "protectedSettings"))
    return None


def _vm_access(given: VmAccess, settings: dict[str, Any]) -> Deed:
    if settings.get("check_disk") or settings.get("repair_disk"):
        raise _wrong("settings", "disks are not checked from inside a running guest here")
    for name in ("username", "remove_user"):
        value = getattr(given, name)
        if value is not None and not _USER.fullmatch(value):
            raise _wrong(f"protectedSettings.{name}", "it is no legal name of an account")
    if (given.password or given.ssh_key or given.expiration) and not given.username:
        raise _wrong("protectedSettings.username", "it is needed to say whose this is")
    if given.password is not None:
        _check_password(given.password, "protectedSettings.password")
    if given.expiration is not None and not _DATE.fullmatch(given.expiration):
        raise _wrong("protectedSettings.expiration", "a date is written YYYY-MM-DD")
    key = _key(given.ssh_key) if given.ssh_key else None
    values = {
        "username": given.username,
        "password": given.password,
        "ssh_key": key,
        "reset_ssh": _flag(given.reset_ssh),
        "remove_user": given.remove_user,
        "remove_prior_keys": _flag(given.remove_prior_keys),
        "expiration": given.expiration,
    }
    wanted = {name: value for name, value in values.items() if value}
    if not wanted:
        return None
    parameters = tuple(Parameter(name=name, value=value, positional=False) for name, value in wanted.items())
    return RunArgs(
        script=VM_ACCESS, protected=Protected(parameters=parameters), timeout=60.0 * _ACCESS_MINUTES
    )


def _windows_access(settings: dict[str, Any], protected: dict[str, Any]) -> Deed:
    """Without a name the configuration is reset and nothing else. The old form of the extension has the name
    among what is protected.
    """
    user = settings.get("UserName") or settings.get("userName") or protected.get("UserName")
    password = protected.get("Password") or protected.get("password")
    minutes = 60.0 * _ACCESS_MINUTES
    if not user and not password:
        return RunArgs(script=remote_desktop.reset_configuration(), timeout=minutes)
    user, password = accounts.check_account(user, password)
    values = {"UserName": user, "Password": password}
    parameters = tuple(Parameter(name=name, value=value, positional=False) for name, value in values.items())
    return RunArgs(
        script=accounts.reset_password(), protected=Protected(parameters=parameters), timeout=minutes
    )


def refusal(args: RunArgs, output: str) -> Fault | None:
    """Why VMAccess did not do it, where that has a code of its own."""
    if not powershell.is_meant(args.text):
        return None
    try:
        found = report.parse(output)
    except Fault:
        return None
    codes = [each for each in found.problems if each.code.startswith("VmAccess")]
    return Fault(codes[0].code, **codes[0].fields) if codes else None


def _password(settings: dict[str, Any], protected: dict[str, Any]) -> Deed:
    user = settings.get("UserName") or settings.get("userName") or protected.get("UserName")
    password = protected.get("Password") or protected.get("password")
    if not password and not user:
        raise Fault("VmAccessForWindows")
    if not password:
        return None
    if not isinstance(user, str) or not isinstance(password, str) or not 1 <= len(user) <= 256:
        raise _wrong("settings.UserName", "account and password are texts")
    _check_password(password, "protectedSettings.Password")
    return Password(user=user, password=password)


def _check_password(password: str, target: str) -> None:
    if not 1 <= len(password) <= _MAX_PASSWORD or any(each in password for each in "\0\r\n"):
        raise _wrong(target, f"one line of 1 to {_MAX_PASSWORD} characters")


def _custom_script(public: CustomScript, protected: CustomScript) -> Deed:
    commands = [
        each
        for each in (public.command_to_execute, protected.command_to_execute, public.script, protected.script)
        if each
    ]
    if len(commands) != 1:
        raise _wrong("settings.commandToExecute", "exactly one of commandToExecute and script is needed")
    files = [*(public.file_uris or []), *(protected.file_uris or [])]
    if len(files) > MAX_FILES or not all(_ADDRESS.fullmatch(each) for each in files):
        raise _wrong("settings.fileUris", f"at most {MAX_FILES} addresses with http or https")
    command = public.command_to_execute or protected.command_to_execute or ""
    text = custom_script(command, files) if command else _decoded(public.script or protected.script or "")
    if len(text) > MAX_SCRIPT or "\0" in text:
        raise _wrong("settings.script", f"text of {MAX_SCRIPT} characters at most")
    hidden = bool(protected.command_to_execute or protected.script or protected.file_uris)
    return RunArgs(
        script=None if hidden else text,
        protected=Protected(script=text if hidden else None),
        timeout=60.0 * _SCRIPT_MINUTES,
    )


def _decoded(script: str) -> str:
    """`script` is base64, of the text or of the text in gzip."""
    try:
        raw = base64.b64decode(script, validate=True)
        if raw[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                raw = file.read(MAX_SCRIPT + 1)
        return raw.decode()
    except (binascii.Error, OSError, EOFError, zlib.error, ValueError) as error:
        raise _wrong("settings.script", "it is base64 of a text, or of one in gzip") from error


def _key(text: str) -> str:
    """One public key in OpenSSH's form, as one line."""
    key = " ".join(text.split())
    if "\0" in key or not _KEY.match(key):
        raise _wrong("protectedSettings.ssh_key", "it is no public key in the form of OpenSSH")
    return key


def _flag(given: bool | str | None) -> str | None:
    return "true" if str(given).lower() == "true" else None


def _shaped(given: dict[str, Any], kind: Any, target: str) -> Any:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        # The error's own words may quote what is protected.
        raise _wrong(target, "a value in it is of the wrong kind") from error


def _wrong(target: str, detail: str) -> Fault:
    return Fault("InvalidParameter", target=f"properties.{target}", detail=detail)
