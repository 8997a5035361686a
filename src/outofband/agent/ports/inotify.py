"""Wake-ups when a file grows: one inotify descriptor for all ports of a process.

Watches fire once and are armed again by whoever still wants to know: a flooding guest then costs a timer's
pace and not one wake-up per byte.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

import structlog

_IN_MODIFY = 0x00000002
_IN_ONESHOT = 0x80000000
_IN_IGNORED = 0x00008000
_IN_Q_OVERFLOW = 0x00004000
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_BUFFER = 64 * 1024
POLL_SECONDS = 0.02
"""How often a file is looked at when the system has no watch left to give."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)

log = structlog.get_logger(__name__)


class Inotify:
    """`arm(path, callback)` calls `callback` once, soon after the file is next written to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fd = -1
        self._armed: dict[int, Callable[[], None]] = {}

    def arm(self, path: Path, callback: Callable[[], None]) -> None:
        """The newest callback of a path wins. What was written before this call wakes nobody: look again."""
        if self._fd < 0 and not self._open():
            self._loop.call_later(POLL_SECONDS, callback)
            return
        wd = _libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_MODIFY | _IN_ONESHOT)
        if wd < 0:
            # Watches are a bounded resource of the host; looking often is the way without.
            self._loop.call_later(POLL_SECONDS, callback)
            return
        self._armed[wd] = callback

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        self._armed.clear()

    def _open(self) -> bool:
        fd = _libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if fd < 0:
            log.warning("inotify.unavailable", error=os.strerror(ctypes.get_errno()))
            return False
        self._fd = fd
        self._loop.add_reader(fd, self._read)
        return True

    def _read(self) -> None:
        try:
            raw = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return
        at = 0
        due: list[Callable[[], None]] = []
        while at < len(raw):
            wd, mask, _, name_length = _EVENT.unpack_from(raw, at)
            at += _EVENT.size + name_length
            if mask & _IN_Q_OVERFLOW:
                due.extend(self._armed.values())
                self._armed.clear()
            elif callback := self._armed.pop(wd, None):
                due.append(callback)
        for callback in due:
            callback()
