"""How full the other end of a unix socket is: asked of the kernel over netlink (sock_diag(7)).

What a program has written and nobody read is counted against its own send buffer, message by message; a
receiver cannot see that on its own socket. Every process may ask about each unix socket of its network
namespace.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_ANY = 0xFFFFFFFF
_SHOW_PEER, _SHOW_MEMINFO = 0x04, 0x20
_PEER, _MEMINFO = 2, 5
"""Attributes of an answer (linux/unix_diag.h)."""
_MAX_ANSWER = 4096

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_ANSWER_BYTES = 16
_ATTRIBUTE = struct.Struct("=HH")
_INODE = struct.Struct("=I")
_MEMORY = struct.Struct("=8xII")
"""Of the words of SK_MEMINFO: written and not yet read, and the most there may be."""


class Backlog:
    """One per event loop; `close` it at the end. Where the kernel does not answer, everything is unknown."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
            )
            self._socket.setblocking(False)
        except OSError:
            self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def other_end(self, fd: int) -> int | None:
        """The inode of the socket at the other end; None when it is not to be found here."""
        found = self._ask(os.fstat(fd).st_ino, _SHOW_PEER, _PEER)
        return int(_INODE.unpack(found)[0]) if found else None

    def fullness(self, inode: int) -> float | None:
        """Which part of its send buffer that socket has used up: 1.0 when its program has to wait."""
        found = self._ask(inode, _SHOW_MEMINFO, _MEMINFO)
        if found is None:
            return None
        used, most = _MEMORY.unpack_from(found)
        return used / most if most else None

    def _ask(self, inode: int, show: int, wanted: int) -> bytes | None:
        if self._socket is None:
            return None
        request = _REQUEST.pack(socket.AF_UNIX, 0, 0, _ANY, inode & _ANY, show, _ANY, _ANY)
        header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
        try:
            self._socket.send(header + request)
            # The kernel has answered before `send` returns.
            answer = self._socket.recv(_MAX_ANSWER)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                self.close()
            return None
        length, kind, _, _, _ = _HEADER.unpack_from(answer)
        if kind == _NLMSG_ERROR:
            return None
        at = _HEADER.size + _ANSWER_BYTES
        while at + _ATTRIBUTE.size <= min(length, len(answer)):
            size, name = _ATTRIBUTE.unpack_from(answer, at)
            if name == wanted:
                return answer[at + _ATTRIBUTE.size : at + size]
            at += max(_ATTRIBUTE.size, size + 3 & ~3)
        return None
