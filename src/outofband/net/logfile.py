"""A log of its own in a file: lines as logrus writes them, no secret in them, bounded in size and number.

Several processes may write one log at the same time, and anybody may move it away: each line is one append
to whatever file has the name at that moment. So a SIGHUP after a rotation by others is not needed.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from outofband.core import clock

MAX_BYTES = 8 * 1024 * 1024
KEEP = 4
"""Older files beside the log: NAME.1 is the youngest of them."""
MAX_LINE = 16 * 1024
"""Characters of one value; what is longer is cut, and says so."""
SHARED, OWN = 0o640, 0o600
"""A log is for the group where its folder lets the group in, and its owner's alone elsewhere."""
LEVELS = ("debug", "info", "warning", "error", "fatal")

HIDDEN = "***"
SECRET_WORDS = ("secret", "token", "password", "ticket", "grant", "assertion", "authorization", "private")
_NAMES = "client_secret|client_assertion|access_token|refresh_token|id_token|device_code|password|passwd|sig"
_PLAIN = re.compile(r"[A-Za-z0-9._/@^+-]+")
_PLACES = r"\[?(?:USER:PASSWORD|UTILISATEUR:MOTDEPASSE|GEBRUIKER:WACHTWOORD)"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
        HIDDEN,
    ),
    # The user and the password in a URL, which is how proxies are told their credentials.
    # What a remedy writes in their place stays: it would be no remedy without.
    (re.compile(rf"(?<=://)(?!{_PLACES}@)[^/\s@\"']+(?:@[^/\s@\"']+)*(?=@)"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"\b(bearer|basic|negotiate|digest)\s+(?!realm=)[\w.~+/=-]{6,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(rf"(?<![\w-])({_NAMES})=[^&\s\"']+", re.I), rf"\1={HIDDEN}"),
    (re.compile(rf"([\"'](?:{_NAMES})[\"']\s*:\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*')", re.I), rf'\1"{HIDDEN}"'),
)
_hidden: set[str] = set()


def hide(secret: str) -> None:
    """From now on no log of this process shows this text, in whatever it appears."""
    # Shorter ones would blot out half of the log, and protect nothing.
    if len(text := secret.strip()) >= 4:
        _hidden.update((text, quote(text, safe=""), quote_plus(text)))


def names_secret(name: str) -> bool:
    """Whether a field of this name is never shown."""
    return any(word in name.lower() for word in SECRET_WORDS)


def redacted(text: str) -> str:
    """The text without secrets that are known here or look like one, and without credentials in URLs."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def quoted(text: str) -> str:
    """As Go's `%q`: in double quotes, and every character that is not printable as an escape.

    So a value can neither begin a new line nor move a terminal's cursor.
    """
    return '"' + "".join(_escape(each) for each in text) + '"'


def line(level: str, message: str, fields: Mapping[str, Any] | None = None) -> str:
    """`time="..." level=info msg="..." Key=value`, with its newline; redacted. Fields keep their order."""
    moment = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    words = [f'time="{moment}"', f"level={level}", f"msg={_value(message)}"]
    for name, value in (fields or {}).items():
        shown = HIDDEN if names_secret(name) and value not in (None, "", True, False) else value
        words.append(f"{_key(name)}={_value(shown)}")
    return " ".join(words) + "\n"


class LogFile:
    """`level` is the least that is written. Made without touching the disk; safe from several threads."""

    def __init__(self, path: Path, *, level: str = "info", limit: int = MAX_BYTES, keep: int = KEEP) -> None:
        self.path = path
        self._least = LEVELS.index(level)
        self._limit, self._keep = limit, keep
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._broken = False
        """The last line was cut short by a full disk."""

    def open(self) -> None:
        """Make the folder (0750) and the file where they lack. Raises OSError where no line can be kept."""
        with self._lock:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._reopen()

    def write(self, level: str, message: str, **fields: Any) -> None:
        """One event. A disk that takes no more loses the line: a log is no reason to stop working."""
        self.write_fields(level, message, fields)

    def write_fields(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        """The same where the names of fields are no identifiers (`Status Code`)."""
        if LEVELS.index(level) < self._least:
            return
        data = line(level, message, fields).encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                handle = self._current(len(data))
                data = b"\n" + data if self._broken else data
                self._broken = os.write(handle, data) < len(data)
            except OSError:
                return

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _current(self, coming: int) -> int:
        """A handle of the file that has the name now, with room for `coming` bytes more."""
        handle = self._handle if self._handle is not None and self._is_current() else self._reopen()
        if os.fstat(handle).st_size + coming > self._limit and os.fstat(handle).st_size:
            # Whoever has the lock of this very file moves it; the others find that its name is another's.
            fcntl.flock(handle, fcntl.LOCK_EX)
            if self._is_current():
                self._rotate()
            handle = self._reopen()
        return handle

    def _is_current(self) -> bool:
        assert self._handle is not None
        ours = os.fstat(self._handle)
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            younger = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            try:
                younger.replace(older)
            except FileNotFoundError:
                continue
        if not self._keep:
            self.path.unlink(missing_ok=True)

    def _reopen(self) -> int:
        self._drop()
        shared = stat.S_IMODE(self.path.parent.stat().st_mode) & 0o050 == 0o050
        mode = SHARED if shared else OWN
        # Root writes here, into a folder that the agent's user may write to: no link leads elsewhere.
        handle = os.open(
            self.path,
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK,
            mode,
        )
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(handle)
            raise OSError(f"{self.path} is no file of its own")
        if stat.S_IMODE(found.st_mode) != mode and found.st_uid == os.geteuid():
            os.fchmod(handle, mode)
        self._handle = handle
        return handle

    def _drop(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _key(name: str) -> str:
    return "".join(_escape(each) if each not in '"\\' else "" for each in name).replace("=", "")


def _value(value: Any) -> str:
    text = redacted(value if isinstance(value, str) else str(value))
    if len(text) > MAX_LINE:
        text = f"{text[:MAX_LINE]}... ({len(text)} characters)"
    return text if _PLAIN.fullmatch(text) else quoted(text)


_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _escape(each: str) -> str:
    if (short := _SHORT.get(each)) is not None:
        return short
    if each.isprintable():
        return each
    number = ord(each)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
