"""Whether a TCP port is reached from inside a guest: the script that tries it there, and what it says.

A guest is not trusted with its report: lines are read by their form, numbers have bounds, words are cut and
printable. The host tries the same way (`net/remote/tries.py`) where nothing in the guest can.
"""

from __future__ import annotations

import enum
import re
from typing import Annotated

import msgspec

from outofband.wire.network import prefixes
from outofband.wire.script import Parameter, RunArgs
from outofband.wire.steps.powershell import MARK

TRIES = 5
WAIT_SECONDS = 3
"""What one try may take: a port that says nothing is given up then."""
NAME_SECONDS = 10
SCRIPT_SECONDS = 90.0
"""More than a name that is not found and every try together."""
_WORDS = 200
_LINE = re.compile(r"outofband\.reach/1 (?P<kind>[a-z-]+)(?: (?P<rest>.*))?")
_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")
_NOT_TEXT = re.compile(r"[^\x20-\x7e]")

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Trouble(enum.StrEnum):
    REFUSED = "refused"
    SILENT = "silent"
    NO_ROUTE = "no-route"
    OTHER = "other"
    NAME = "name"
    """The name was not found: nothing was tried."""
    NO_TOOL = "no-tool"
    """Nothing in the guest can open a connection: nothing was tried."""


class ReachArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `vm.reach`. `host` is an IPv4 address or a name."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Port
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = TRIES


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One connection that was tried: how long it took, in milliseconds, and what was in its way."""

    ms: float
    trouble: Trouble | None = None
    words: str = ""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is what the name stands for where it was tried; `trouble` why nothing was tried at all."""

    address: str = ""
    tries: tuple[Try, ...] = ()
    trouble: Trouble | None = None

    @property
    def times(self) -> list[float]:
        """Milliseconds of the tries that came through."""
        return [each.ms for each in self.tries if each.trouble is None]


def is_host(text: str) -> bool:
    """Whether it is a name or an IPv4 address, and so nothing else to a shell or a resolver."""
    return _HOST.fullmatch(text) is not None


def run_args(args: ReachArgs, *, windows: bool) -> RunArgs:
    """The script for a guest with its arguments. Raises ValueError for a host that is none."""
    if not is_host(args.host):
        raise ValueError(f"expected a name or an address, got {args.host!r}")
    given = (args.host, str(args.port), str(args.tries), str(WAIT_SECONDS))
    return RunArgs(
        script=WINDOWS if windows else LINUX,
        parameters=tuple(Parameter(value=each) for each in given),
        timeout=SCRIPT_SECONDS,
    )


def parse(out: str) -> Reached:
    """What the script printed. A guest that says nothing of the kind has no tool for it."""
    address, tries, trouble = "", list[Try](), None
    for line in out.splitlines():
        if (found := _LINE.fullmatch(line.strip())) is None:
            continue
        kind, rest = found["kind"], found["rest"] or ""
        if kind == "address" and prefixes.address(rest) is not None:
            address = rest
        elif kind in ("name", "no-tool"):
            trouble = Trouble(kind)
        elif kind in ("through", "failed") and len(tries) < 20:
            tries.append(_try(rest, failed=kind == "failed"))
    if not tries and trouble is None:
        trouble = Trouble.NO_TOOL
    return Reached(address=address, tries=tuple(tries), trouble=trouble)


def meaning(words: str) -> Trouble:
    """What the words of a system, or .NET's name of a socket error, say of a connection that failed."""
    low = words.lower()
    if "refused" in low:
        return Trouble.REFUSED
    if "unreach" in low or "no route" in low:
        return Trouble.NO_ROUTE
    if not low.strip() or "timed" in low or "timeout" in low:
        return Trouble.SILENT
    return Trouble.OTHER


def _try(rest: str, *, failed: bool) -> Try:
    number, _, words = rest.partition(" ")
    micros = int(number) if number.isascii() and number.isdecimal() and len(number) <= 12 else 0
    ms = min(micros / 1000, WAIT_SECONDS * 10_000.0)
    if not failed:
        return Try(ms=ms)
    words = _NOT_TEXT.sub("", words)[:_WORDS].strip()
    return Try(ms=ms, trouble=meaning(words), words=words)


LINUX = r"""
# A TCP connection to $1, port $2, tried $3 times, each for $4 s at most. Nothing is sent on it.
host=$1 port=$2 tries=$3 wait=$4
say() { printf 'outofband.reach/1 %s\n' "$*"; }
# Microseconds; where date knows no nanoseconds, hundredths of a second since the start.
now() {
    t=$(date +%s%N)
    case $t in
    *[!0-9]*) read -r t _ </proc/uptime; echo "${t%.*}${t#*.}0000" ;;
    *) echo "${t%???}" ;;
    esac
}
within() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
case $host in
*[!0-9.]*)
    if command -v getent >/dev/null; then
        address=$(within 10 getent ahostsv4 "$host" | { read -r first _; echo "$first"; })
    else
        address=$(within 10 nslookup "$host" 2>/dev/null |
            sed -n '/^Name:/,$s/^Address[^:]*: *\([0-9.]*\).*/\1/p' | head -n 1)
    fi
    ;;
*) address=$host ;;
esac
[ -n "$address" ] || { say name; exit 0; }
say address "$address"
if command -v bash >/dev/null && command -v timeout >/dev/null; then
    # Its own clock leaves the start of the programs out.
    attempt() {
        timeout "$wait" bash -c 'a=${EPOCHREALTIME/[.,]/}
            exec 3<>"/dev/tcp/$0/$1" || exit 1
            b=${EPOCHREALTIME/[.,]/}
            [ -z "$a" ] || echo "took $((b - a))"' "$address" "$port" 2>&1
    }
elif nc -h 2>&1 | grep -q -- -z; then
    attempt() { nc -n -z -v -w "$wait" "$address" "$port" 2>&1; }
elif nc -h 2>&1 | grep -q -- '-e PROG'; then
    attempt() { nc -w "$wait" "$address" "$port" -e true 2>&1 </dev/null; }
else
    say no-tool
    exit 0
fi
while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    began=$(now)
    if said=$(attempt); then
        took=$(($(now) - began))
        case $said in *"took "*) took=${said##*took } ;; esac
        say through "$took"
    else
        say failed "$(($(now) - began))" "$(printf %s "$said" | tail -n 1 | cut -c 1-200)"
    fi
done
"""

WINDOWS = f"""{MARK}
param([string]$HostName, [int]$Port, [int]$Tries, [int]$Wait)
# Nothing is sent on the connections. Socket errors are told by their names, which no language changes.
function Say([string]$Text) {{ [Console]::Out.WriteLine("outofband.reach/1 $Text") }}
try {{
    $address = [System.Net.Dns]::GetHostAddresses($HostName) |
        Where-Object {{ $_.AddressFamily -eq 'InterNetwork' }} | Select-Object -First 1
}} catch {{ $address = $null }}
if ($null -eq $address) {{ Say 'name'; exit 0 }}
Say "address $address"
for ($n = 0; $n -lt $Tries; $n++) {{
    $client = New-Object System.Net.Sockets.TcpClient
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $words = ''
    try {{
        $waiting = $client.BeginConnect($address, $Port, $null, $null)
        if ($waiting.AsyncWaitHandle.WaitOne($Wait * 1000)) {{ $client.EndConnect($waiting) }}
        else {{ $words = 'TimedOut' }}
    }} catch {{
        $inner = $_.Exception.GetBaseException()
        if ($inner -is [System.Net.Sockets.SocketException]) {{ $words = [string]$inner.SocketErrorCode }}
        else {{ $words = $inner.GetType().Name }}
    }}
    $took = [long]($clock.Elapsed.TotalMilliseconds * 1000)
    $client.Close()
    if ($words) {{ Say "failed $took $words" }} else {{ Say "through $took" }}
}}
exit 0
"""
