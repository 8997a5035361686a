"""The portal's files as its build left them: read into memory once, and anew when there was another build.

`index.html` is the page; `assets/` has names that change with their content; the rest, an icon for instance,
keeps its name. Beside a file may lie `<name>.br` and `<name>.gz`.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.http import edge

WEB = Path(__file__).with_name("web")
ASSETS = "assets/"
_PAGE = "index.html"
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings by preference, and how their files end."""
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


class File(msgspec.Struct, frozen=True):
    """`bodies` by content coding; the file itself is under "identity"."""

    type: str
    tag: str
    bodies: Mapping[str, bytes]

    def answer(self, request: Request, cache: str) -> Response:
        """The best form of it for this client, or 304 when the client has that form."""
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        coding = next(each for each in accepted if each in self.bodies)
        tag = f'"{self.tag}"' if coding == "identity" else f'"{self.tag}-{coding}"'
        headers = {"ETag": tag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if edge.has(request, tag):
            return Response(status_code=304, headers=headers)
        if coding != "identity":
            headers["Content-Encoding"] = coding
        return Response(self.bodies[coding], headers={**headers, "Content-Type": self.type})


class Build(msgspec.Struct, frozen=True):
    page: str
    files: Mapping[str, File]
    """By path below `/portal/`. Only what was found on disk is in here, so no path leads out."""
    stamp: tuple[int, int]


class Builds:
    """The build in a folder, as it is now."""

    def __init__(self, folder: Path = WEB) -> None:
        self._folder = folder
        self._known: Build | None = None
        self._reading = asyncio.Lock()

    async def current(self) -> Build | None:
        """None when nothing was built."""
        if (stamp := self._stamp()) is None:
            return None
        async with self._reading:
            if self._known is None or self._known.stamp != stamp:
                try:
                    self._known = await asyncio.to_thread(read, self._folder, stamp)
                except OSError:
                    # Its folder is being changed under our hands; the next request finds the new one.
                    return self._known
            return self._known

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._folder / _PAGE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def read(folder: Path, stamp: tuple[int, int]) -> Build:
    """Read a build. Raises OSError. What begins with a dot is not of it."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or name == _PAGE or path.suffix in _ENCODINGS.values() or not path.is_file():
            continue
        bodies = {"identity": path.read_bytes()}
        for coding, ending in _ENCODINGS.items():
            packed = path.with_name(path.name + ending)
            if packed.is_file():
                bodies[coding] = packed.read_bytes()
        tag = hashlib.sha256(bodies["identity"]).hexdigest()[:32]
        files[name] = File(_type(path), tag, bodies)
    return Build((folder / _PAGE).read_text("utf-8"), files, stamp)


def _accepted(header: str) -> list[str]:
    """Our codings that the client takes, the best first; the plain form is always among them."""
    refused: set[str] = set()
    named: set[str] = set()
    for part in header.split(","):
        coding, _, weight = part.partition(";")
        worth = weight.replace(" ", "").lower()
        never = worth.startswith("q=") and not worth[2:].strip("0.")
        (refused if never else named).add(coding.strip().lower())
    wanted = named | (set(_ENCODINGS) if "*" in named else set())
    return [*(each for each in _ENCODINGS if each in wanted - refused), "identity"]


def _type(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
