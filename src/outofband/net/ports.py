"""Listening sockets, taken early: who cannot have his port is told who holds it before all else."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from outofband.core.errors import Fault

BACKLOG = 512
_LISTEN = "0A"


def listen(what: str, address: str, port: int) -> socket.socket:
    """A TCP socket that listens already, on an address or name of this host; port 0 takes a free one.

    `what` is told to the user. Raises Fault PortInUse, PortForbidden or AddressUnusable.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Fault("AddressUnusable", what=what, address=address, detail=error.strerror) from error
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)
        taken.listen(BACKLOG)
        taken.setblocking(False)
    except OSError as error:
        taken.close()
        raise _why(error, what, address, port) from error
    return taken


def holder(port: int) -> str:
    """` (nginx, process 12)` for the listener on a port whose owner we may see, else nothing."""
    wanted = _listening_inode(port)
    if wanted is None:
        return ""
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if handle.readlink().name == f"socket:[{wanted}]":
                process = handle.parent.parent
                return f" ({(process / 'comm').read_text().strip()}, process {process.name})"
        except OSError:
            continue
    return ""


def _why(error: OSError, what: str, address: str, port: int) -> Fault:
    if isinstance(error, PermissionError):
        return Fault("PortForbidden", what=what, port=port)
    if error.errno == errno.EADDRINUSE:
        return Fault("PortInUse", what=what, address=address, port=port, who=holder(port))
    return Fault("AddressUnusable", what=what, address=address, detail=error.strerror)


def _listening_inode(port: int) -> str | None:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                return fields[9]
    return None
