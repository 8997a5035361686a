"""A small command prompt: enough of `cmd` and PowerShell to repair a console and to check what was typed."""

from __future__ import annotations

import re
import shlex
from typing import Protocol

from outofband.simulators.sac.bcd import BootStore
from outofband.simulators.sac.files import Files, digest
from outofband.simulators.sac.settings import LABEL, Event, Kind, Settings

FOLDER = "C:\\Windows\\system32"
STARTS_HERE = re.compile(r"^\s*(?:\$(?P<name>\w+)\s*=\s*)?@(?P<quote>['\"])\s*$")
PIPED = re.compile(
    r"^\s*(?:\|\s*(?:set-content|out-file|sc)\s+(?P<first>-nonewline\s+)?"
    r"(?:-(?:path|filepath|literalpath)\s+)?|>\s*)"
    r"(?P<file>\"[^\"]+\"|'[^']+'|\S+)(?P<more>.*)$",
    re.IGNORECASE,
)
VARIABLE = re.compile(r"^\s*\$(?P<name>\w+)\s*(?P<rest>(?:\||>).*)?$")
FILE_HASH = re.compile(
    r"^(?P<only>\()?\s*get-filehash\s+(?:-path\s+)?(?P<file>\"[^\"]+\"|'[^']+'|[^\s)]+)"
    r"(?:\s+-algorithm\s+(?P<algorithm>\w+))?\s*(?(only)\)\.hash)\s*$",
    re.IGNORECASE,
)
MAX_VARIABLES = 32
NOT_FOUND = "The system cannot find the file specified."


class World(Protocol):
    """The machine around a shell."""

    settings: Settings
    store: BootStore
    files: Files

    def tell(self, event: Event) -> None: ...
    def restart(self, now: float) -> None: ...
    def shut_down(self, now: float) -> None: ...
    def crash(self, code: int) -> None: ...


class Shell:
    """Lines in, answers out. `leave` is set by `exit`; `keys` by `sim keys`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.powershell = False
        self.psreadline = True
        self.leave = False
        self.keys = False
        self.clear = False
        self._sink: tuple[str, bytearray] | None = None
        self._here: tuple[str, str, bytearray] | None = None
        self._variables: dict[str, bytes] = {}

    @property
    def reads_plain(self) -> bool:
        """A program reads the lines, not the prompt."""
        return self._sink is not None

    @property
    def prompt(self) -> str:
        if self._sink is not None:
            return ""
        if self._here is not None:
            return ">> "
        return f"PS {FOLDER}> " if self.powershell else f"{FOLDER}>"

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._sink = self._here = None

    def run(self, raw: bytes, now: float) -> str:
        """The answer to a line, without the prompt that follows."""
        if self._sink is not None:
            return self._sunk(raw)
        if self._here is not None:
            return self._more(raw)
        line = raw.decode("utf-8", "replace").strip()
        if not line:
            return ""
        if self.powershell and (answer := self._script(line, now)) is not None:
            return answer
        return self._command(line, now)

    # --- where pasted bytes end up ---

    def _sunk(self, raw: bytes) -> str:
        """`copy con NAME`: lines until one that ends with Ctrl-Z."""
        assert self._sink is not None
        name, data = self._sink
        before, end, _ = raw.partition(b"\x1a")
        if end:
            self._sink = None
            return (
                "        1 file(s) copied." if self._save(name, bytes(data) + before) else "There is no room."
            )
        data += before + b"\r\n"
        return ""

    def _more(self, raw: bytes) -> str:
        """The inside of a here-string, whose lines PowerShell joins with line feeds."""
        assert self._here is not None
        name, quote, data = self._here
        if not raw.startswith(quote.encode() + b"@"):
            data += raw + b"\n"
            return ""
        self._here = None
        text = bytes(data[:-1])
        if name:
            self._variables[name.lower()] = text
            return ""
        return self._piped(text, raw[2:].decode("utf-8", "replace"))

    def _piped(self, text: bytes, rest: str) -> str:
        if not rest.strip():
            return text.decode("utf-8", "replace")
        found = PIPED.match(rest)
        if found is None:
            return _unexpected(rest)
        bare = found["first"] is not None or "-nonewline" in found["more"].lower()
        end = b"" if bare else b"\r\n"
        return "" if self._save(found["file"], text + end) else "There is no room."

    def _save(self, name: str, data: bytes) -> bool:
        if not self._world.files.write(name, data):
            return False
        self._world.tell(Event(Kind.FILE, name.strip("'\""), data))
        return True

    # --- PowerShell ---

    def _script(self, line: str, now: float) -> str | None:
        """None for what is no script but a program."""
        if found := STARTS_HERE.match(line):
            self._here = (found["name"] or "", found["quote"], bytearray())
            return ""
        if found := VARIABLE.match(line):
            text = self._variables.get(found["name"].lower(), b"")
            return self._piped(text, found["rest"] or "")
        if found := FILE_HASH.match(line):
            return self._file_hash(found)
        words = line.split()
        match [word.lower().strip("'\"") for word in words]:
            case ["remove-module", *_, "psreadline"]:
                self.psreadline = False
                return ""
            case ["import-module", *_, "psreadline"]:
                self.psreadline = True
                return ""
            case ["get-content" | "gc" | "cat", *options, _] if len(options) <= 1:
                data = self._world.files.read(words[-1])
                return data.decode("utf-8", "replace") if data is not None else NOT_FOUND
            case ["restart-computer", *_]:
                self._world.restart(now)
                return ""
            case ["stop-computer", *_]:
                self._world.shut_down(now)
                return ""
        return None

    def _file_hash(self, found: re.Match[str]) -> str:
        data = self._world.files.read(found["file"])
        algorithm = (found["algorithm"] or "SHA256").upper()
        if data is None:
            return NOT_FOUND
        value = digest(data, algorithm)
        if value is None:
            return "The algorithm is not known."
        if found["only"]:
            return value.upper()
        path = f"{FOLDER}\\{found['file']}"
        head = f"{'Algorithm':<16}{'Hash':<71}Path\n{'---------':<16}{'----':<71}----"
        return f"\n{head}\n{algorithm:<16}{value.upper():<71}{path}\n"

    # --- programs ---

    def _command(self, line: str, now: float) -> str:
        words = _split(line)
        name = words[0].lower().removesuffix(".exe")
        rest = words[1:]
        settings = self._world.settings
        match name:
            case "exit":
                if self.powershell:
                    self.powershell = False
                else:
                    self.leave = True
                return ""
            case "powershell" if not self.powershell:
                self.powershell, self.psreadline = True, True
                return "Windows PowerShell\nCopyright (C) Microsoft Corporation. All rights reserved.\n"
            case "bcdedit":
                answer, written = self._world.store.bcdedit(rest)
                if written:
                    self._world.tell(Event(Kind.STORED))
                return answer
            case "shutdown" if "/r" in rest or "-r" in rest:
                self._world.restart(now)
                return ""
            case "shutdown" if "/s" in rest or "-s" in rest:
                self._world.shut_down(now)
                return ""
            case "copy" if [each.lower() for each in rest[:1]] == ["con"] and len(rest) == 2:
                self._sink = (rest[1], bytearray())
                return ""
            case "certutil" if [each.lower() for each in rest[:1]] == ["-hashfile"] and len(rest) in (2, 3):
                return self._certutil(rest[1], rest[2] if len(rest) == 3 else "SHA1")
            case "type" if len(rest) == 1:
                data = self._world.files.read(rest[0])
                return data.decode("utf-8", "replace") if data is not None else NOT_FOUND
            case "del" if len(rest) == 1:
                return "" if self._world.files.remove(rest[0]) else f"Could Not Find {FOLDER}\\{rest[0]}"
            case "dir":
                return self._dir()
            case "cls" | "clear":
                self.clear = True
                return ""
            case "echo":
                return line[5:].strip()
            case "ver":
                return f"\nMicrosoft Windows [Version 10.0.{settings.release.build}]  ({LABEL})"
            case "hostname":
                return settings.name
            case "whoami":
                return f"{settings.name}\\{settings.user}".lower()
            case "sim":
                return self._simulator(rest)
        if self.powershell:
            return f"{words[0]} : The term '{words[0]}' is not recognized as the name of a cmdlet or program."
        return (
            f"'{words[0]}' is not recognized as an internal or external command,\n"
            "operable program or batch file."
        )

    def _certutil(self, name: str, algorithm: str) -> str:
        data = self._world.files.read(name)
        if data is None:
            return f"CertUtil: -hashfile command FAILED: 0x80070002\nCertUtil: {NOT_FOUND}"
        value = digest(data, algorithm)
        if value is None:
            return "CertUtil: -hashfile command FAILED: 0x80090008"
        done = "CertUtil: -hashfile command completed successfully."
        return f"{algorithm.upper()} hash of {name}:\n{value}\n{done}"

    def _dir(self) -> str:
        found = self._world.files.listing()
        total = sum(size for _, size in found)
        lines = [f"{size:>17,} {name}" for name, size in found]
        return "\n".join(
            [f" Directory of {FOLDER}", "", *lines, f"{len(found):>16} File(s) {total:>14,} bytes"]
        )

    def _simulator(self, words: list[str]) -> str:
        """Not of Windows: what only a simulator can do."""
        match words:
            case ["keys"]:
                self.keys = True
                return "Press keys: each is shown with the bytes it came as. Ctrl-C ends it."
            case ["fail"]:
                self._world.crash(0xD1)
                return ""
        return f"{LABEL}.\nsim keys   show keys and their bytes\nsim fail   let the system stop (0xD1)"


def _split(line: str) -> list[str]:
    """Words, quoted ones in one piece."""
    lexer = shlex.shlex(line, posix=False, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer) or [line]
    except ValueError:
        return line.split() or [line]


def _unexpected(rest: str) -> str:
    return f"Unexpected token '{rest.strip()[:40]}' in expression or statement."
