"""How a PowerShell text gets into a Windows guest: as standard input of one `guest-exec`, never as arguments.

The argument list is the same for every script, so a list of processes shows nothing of it. Its two lines of
input are base64: the script, and its parameters as JSON. Parameters are no part of the script's text, which
PowerShell may write to its event log (script block logging); a password is only ever a parameter.
"""

from __future__ import annotations

import base64
import re

import msgspec

PROGRAM = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
"""Of every Windows since 2012; what is installed beside it (pwsh) is not relied on."""
MARK = "#!powershell"
"""First line of a script that is meant for PowerShell; to PowerShell itself it is a comment."""
_SINGLE = "'\u2018\u2019\u201a\u201b"
"""PowerShell ends a text in single quotes at any of these."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

BOOTSTRAP = """\
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
$lines = [Console]::In.ReadToEnd() -split "`n"
$read = { [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($args[0].Trim())) }
$given = ConvertFrom-Json (& $read $lines[1])
$named = @{}
foreach ($each in $given.named.PSObject.Properties) { $named[$each.Name] = [string]$each.Value }
$rest = @($given.rest)
$ErrorActionPreference = 'Continue'
& ([ScriptBlock]::Create((& $read $lines[0]))) @named @rest
if ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }
"""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What `guest-exec` is given."""

    path: str
    arguments: tuple[str, ...]
    given: bytes


def launch(script: str, named: dict[str, str] | None = None, rest: tuple[str, ...] = ()) -> Launch:
    """`named` become parameters of the script by name, `rest` by position.

    Raises ValueError for a name that no parameter can have.
    """
    if wrong := [name for name in named or {} if not can_name(name)]:
        raise ValueError(f"expected names of parameters, got {wrong[0]!r}")
    parameters = msgspec.json.encode({"named": named or {}, "rest": rest})
    lines = [base64.b64encode(each) for each in (script.encode("utf-8", "replace"), parameters)]
    return Launch(path=PROGRAM, arguments=ARGUMENTS, given=b"\n".join(lines) + b"\n")


def quoted(text: str) -> str:
    """A text of a script in single quotes, in which PowerShell expands nothing."""
    return "'" + "".join(2 * each if each in _SINGLE else each for each in text) + "'"


def can_name(name: str) -> bool:
    """Whether a parameter of a script can be called so."""
    return _NAME.fullmatch(name) is not None


def is_meant(script: str) -> bool:
    """Whether a script says of itself that it is for PowerShell."""
    return script.partition("\n")[0].strip().lower() == MARK


ARGUMENTS = (
    "-NoProfile",
    "-NonInteractive",
    "-ExecutionPolicy",
    "Bypass",
    # Otherwise errors come as XML when nobody's screen is there.
    "-OutputFormat",
    "Text",
    "-EncodedCommand",
    base64.b64encode(BOOTSTRAP.encode("utf-16-le")).decode("ascii"),
)
