"""Windows on a serial port, simulated: Windows cannot run here, so what it prints is put together from what is known
of its Special Administration Console, its boot manager and its debugger. Nothing here was recorded.
"""

from __future__ import annotations

import struct

from guests.broken.lab import Lab
from guests.broken.recording import END
from guests.broken.registry import Shows, recipe

BOOT_MANAGER = (
    "\x1b[2J\x1b[1;1H\x1b[0m\x1b[37m\x1b[40m                              Windows Boot Manager\r\n\r\n"
    "Choose an operating system to start, or press TAB to select a tool:\r\n(Use the arrow keys to highlight "
    "your choice, then press ENTER.)\r\n\r\n    {name}                     [EMS Enabled]            >\r\n\r\n"
    "To specify an advanced option for this choice, press F8.\r\nSeconds until the highlighted choice will be "
    "started automatically: {seconds}\r\n"
)
SAC_UP = (
    '\r\nComputer is booting, SAC started and initialized.\r\n\r\nUse the "ch -?" command for information about '
    'using channels.\r\nUse the "?" command for general help.\r\n\r\n\r\n'
)
SAC = "SAC>" + " " * 76
CMD = "\r\nEVENT: The CMD command is now available.\r\nSAC>"
CHANNEL = (
    "\r\nThe Command Prompt session was successfully launched.\r\nSAC>\r\nEVENT:   A new channel has been created.  "
    'Use "ch -?" for channel help.\r\nChannel: Cmd0001\r\nSAC>'
)
MACHINE = (
    '<?xml version="1.0"?>\r\n<machine-info>\r\n<name>{host}</name>\r\n<guid>{guid}</guid>\r\n'
    "<processor-architecture>AMD64</processor-architecture>\r\n<os-version>10.0</os-version>\r\n"
    "<os-build-number>{build}</os-build-number>\r\n<os-product>Windows Server {year}</os-product>\r\n"
    "<os-service-pack>None</os-service-pack>\r\n</machine-info>\r\n"
)
SAC_SEEN = Shows("SacPrompt", rb"SAC started and initialized\.|SAC>")
SAC_OPEN = Shows("SacPrompt", rb"SAC started and initialized\.|SAC>", maybe=True, open=True)
STOP = Shows(
    "WindowsStopCode",
    rb"(\*\*\* STOP: 0x[0-9A-Fa-f]+|fatal error: 0x[0-9A-Fa-f]+|STOPCODE[^\r\n]*0x[0-9A-Fa-f]+)[^\r\n]*\r?\n",
)
LOADER = Shows("UefiBootFailed", rb"BdsDxe: failed to [^\r\n]+", maybe=True, open=True)


def _say(lab: Lab, *lines: tuple[float, str | bytes], quiet_s: float = 30.0) -> None:
    """Lines and the seconds that pass before each, in pieces as a UART hands them over."""
    at = 0.0
    for pause, text in lines:
        at += pause
        data = text.encode() if isinstance(text, str) else text
        for place in range(0, len(data), 16):
            at += 16 * 10 / 115200
            # Pieces of a real port are never equal.
            lab.recording.printed(int(at * 1000) + lab.draw.randrange(3), data[place : place + 16])
    lab.recording.mark(END, int((at + quiet_s) * 1000))
    lab.said.append("simulated")


def _host(lab: Lab) -> dict[str, str]:
    year, build = lab.draw.choice(
        [("2016", "14393"), ("2019", "17763"), ("2022", "20348"), ("2025", "26100")]
    )
    number = lab.draw.randrange(2**48)
    return {
        "host": f"WIN-{number:012X}"[:15],
        "guid": f"{number:08x}-0000-4000-8000-{number:012x}",
        "year": year,
        "build": build,
    }


# --- the console is there


@recipe("sac-boot", "SacPrompt", SAC_SEEN, simulated=True)
def sac_boot(lab: Lab) -> None:
    """A server starts and its console waits."""
    _say(lab, (2.0, MACHINE.format(**_host(lab))), (9.0, SAC_UP + SAC), (25.0, CMD))


@recipe("sac-menu", "SacPrompt", SAC_SEEN, simulated=True)
def sac_menu(lab: Lab) -> None:
    """The boot menu is shown on the port, then the console waits."""
    host = _host(lab)
    name = f"Windows Server {host['year']}"
    counts = [(1.0, f"\x1b[10;75H{n:2}") for n in range(4, 0, -1)]
    _say(lab, (2.0, BOOT_MANAGER.format(name=name, seconds=5)), *counts, (11.0, SAC_UP + SAC), (18.0, CMD))


@recipe("sac-channel", "SacPrompt", SAC_SEEN, simulated=True)
def sac_channel(lab: Lab) -> None:
    """Somebody opens a command prompt."""
    typed = (
        "cmd"
        + CHANNEL
        + "ch -sn Cmd0001\r\n\x1b[2J\x1b[1;1HName:                  Cmd0001\r\nDescription:           Command\r\n"
        "Type:                  VT-UTF8\r\nPress <esc><tab> for next channel.\r\nPlease enter login credentials.\r\nUsername: "
    )
    _say(lab, (3.0, SAC_UP + SAC), (20.0, CMD), (12.0, typed))


@recipe("sac-help", "SacPrompt", SAC_SEEN, simulated=True)
def sac_help(lab: Lab) -> None:
    """A running server; somebody presses Enter and asks for the addresses."""
    typed = "i\r\nNet: 2, Ip=10.0.0.4  Subnet=255.255.255.0  Gateway=10.0.0.1\r\nSAC>"
    _say(lab, (1.0, "\r\nSAC>"), (2.0, "\r\nSAC>"), (3.0, typed))


# --- the console is not there

HEALTH = (
    '======== Microsoft Azure VM Health Report - Start {at} ========\r\n{{"reportTime":"{at}","networkAdapters":'
    '[{{"name":"Ethernet","status":"Up","macAddress":"00-0D-3A-00-00-0{n}","ipProperties":[{{"protocolVersion":4,'
    '"address":"10.0.0.{n}","isDhcpEnabled":true}}]}}]}}\r\n======== Microsoft Azure VM Health Report - End {at} ========\r\n'
)
HEALTH_SEEN = Shows("SacDisabled", rb"Microsoft Azure VM Health Report - Start")


@recipe("sac-off-report", "SacDisabled", HEALTH_SEEN, simulated=True)
def health(lab: Lab) -> None:
    """A server whose console is off reports its health."""
    _say(lab, (40.0, HEALTH.format(at="2026-03-06T02:06:40.6256349Z", n=4)), quiet_s=200.0)


@recipe("sac-off-reports", "SacDisabled", HEALTH_SEEN, simulated=True)
def healths(lab: Lab) -> None:
    """The same, again every minute."""
    reports = [(60.0, HEALTH.format(at=f"2026-11-0{n}T11:1{n}:02.1117{n}31Z", n=n)) for n in range(1, 6)]
    _say(lab, *reports, quiet_s=120.0)


@recipe("sac-off-after-menu", "SacDisabled", HEALTH_SEEN, simulated=True)
def menu_then_health(lab: Lab) -> None:
    """The boot menu is shown on the port, and afterwards only reports."""
    menu = BOOT_MANAGER.format(name="Windows Server 2019", seconds=9).replace(
        "[EMS Enabled]", "             "
    )
    _say(lab, (2.0, menu), (70.0, HEALTH.format(at="2026-07-21T22:00:09.0000001Z", n=7)), quiet_s=200.0)


@recipe("sac-off-client", "SacDisabled", HEALTH_SEEN, simulated=True)
def client(lab: Lab) -> None:
    """A client edition, which has no such console; firmware talks first."""
    text = '\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001 "Windows Boot Manager" from HD(1,GPT,0)\r\nBdsDxe: starting Boot0001 "Windows Boot Manager" from HD(1,GPT,0)\r\n'
    _say(lab, (1.0, text), (90.0, HEALTH.format(at="2026-01-30T06:30:00.5555555Z", n=5)), quiet_s=200.0)


# --- stop codes

HALTED = "\r\n*** STOP: {code} (0x0000000000000008,0x0000000000000002,0x0000000000000001,0xFFFFF8034A11B7C2)\r\n\r\n!SAC>"


@recipe("stop-screen", "WindowsStopCode", STOP, SAC_OPEN, simulated=True)
def stop_screen(lab: Lab) -> None:
    """The stop screen in text, while Windows starts."""
    text = (
        "\x1b[2J\x1b[1;1H*** STOP: 0x0000007B (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,\r\n"
        "0x0000000000000000)\r\nINACCESSIBLE_BOOT_DEVICE\r\n"
    )
    _say(lab, (2.0, BOOT_MANAGER.format(name="Windows Server 2016", seconds=1)), (9.0, text))


@recipe("stop-halted", "WindowsStopCode", STOP, SAC_OPEN, simulated=True)
def stop_halted(lab: Lab) -> None:
    """The console of a server that stopped."""
    _say(lab, (2.0, SAC_UP + SAC), (20.0, CMD), (80.0, HALTED.format(code="0x000000D1")))


@recipe("stop-xml", "WindowsStopCode", STOP, SAC_OPEN, simulated=True)
def stop_xml(lab: Lab) -> None:
    """A stop told in the console's machine-readable form."""
    text = (
        '\r\n<?xml version="1.0"?>\r\n<BP>\r\n<INSTANCE CLASSNAME="BLUESCREEN">\r\n<PROPERTY NAME="STOPCODE" TYPE="string">'
        '<VALUE>"0xE2"</VALUE>\r\n</PROPERTY>\r\n</INSTANCE>\r\n</BP>\r\n'
    )
    _say(lab, (2.0, SAC_UP + SAC), (31.0, CMD), (40.0, text + HALTED.format(code="0xE2")))


@recipe("stop-dump", "WindowsStopCode", STOP, SAC_OPEN, simulated=True)
def stop_dump(lab: Lab) -> None:
    """A stop by an NMI, and the dump that follows."""
    text = (
        "\r\nA problem has been detected and Windows has been shut down to prevent damage\r\nto your computer.\r\n\r\n"
        "NMI_HARDWARE_FAILURE\r\n\r\nTechnical information:\r\n\r\n*** STOP: 0x00000080 (0x00000000004F4454, 0x0000000000000000, "
        "0x0000000000000000, 0x0000000000000000)\r\n\r\nCollecting data for crash dump ...\r\nInitializing disk for crash dump ...\r\n"
        "Beginning dump of physical memory.\r\nDumping physical memory to disk:  35\r\n"
    )
    _say(lab, (4.0, SAC_UP + SAC), (60.0, text))


# --- a debugger's packets

KD = Shows("KernelDebuggerOnPort", rb"(0000|iiii)[\x00-\x0b]\x00")
DATA, CONTROL = 0x30303030, 0x69696969


def _packet(lab: Lab, kind: int, number: int, body: bytes) -> bytes:
    """A data packet of the serial debugger protocol: leader, type, length, id, checksum, body, 0xAA."""
    return struct.pack("<IHHII", DATA, kind, len(body), 0x80800000 | number, sum(body)) + body + b"\xaa"


def _reset(number: int = 0) -> bytes:
    return struct.pack("<IHHII", CONTROL, 6, 0, 0x80800000 | number, 0)


@recipe("debugger-waits", "KernelDebuggerOnPort", KD, simulated=True)
def debugger_waits(lab: Lab) -> None:
    """A kernel looks for its debugger, again and again."""
    body = struct.pack("<IHHIQ", 0x3030, 6, 0, 1, 0xFFFFF80000000000) + lab.draw.randbytes(80)
    packets = [(1.5, _packet(lab, 7, 0, body)) for _ in range(8)]
    _say(lab, (3.0, _reset()), *packets)


@recipe("debugger-prints", "KernelDebuggerOnPort", KD, simulated=True)
def debugger_prints(lab: Lab) -> None:
    """Debug output in packets, after the boot menu."""
    texts = [
        b"KD: waiting to reconnect...\n",
        b"Shutdown occurred at (Fri)\n",
        b"BOOTLOG_LOADED \\Windows\\System32\\drivers\\disk.sys\n",
    ]
    packets = [
        (1.0, _packet(lab, 3, n % 2, struct.pack("<IHHI", 0x3230, 6, 0, len(text)) + text))
        for n, text in enumerate(texts * 3)
    ]
    _say(
        lab,
        (2.0, BOOT_MANAGER.format(name="Windows Server 2022 [debugger enabled]", seconds=3)),
        (9.0, _reset()),
        *packets,
    )


@recipe("debugger-resets", "KernelDebuggerOnPort", KD, simulated=True)
def debugger_resets(lab: Lab) -> None:
    """Only resets of the debugger's line."""
    _say(lab, *[(0.8, _reset(n % 2)) for n in range(12)])


@recipe("debugger-stop", "KernelDebuggerOnPort", KD, simulated=True)
def debugger_stop(lab: Lab) -> None:
    """A state change told to a debugger that is not there, in the middle of a boot."""
    body = struct.pack("<IHHIQ", 0x3031, 6, 1, 2, 0xFFFFF8034A000000) + lab.draw.randbytes(120)
    _say(lab, (0.5, b"\x00\x00"), *[(2.0, _packet(lab, 7, n % 2, body)) for n in range(6)])
