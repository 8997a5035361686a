"""What moves of a machine from one host to another: a manifest of its files, in hashed chunks.

A file is cut into chunks of CHUNK bytes. A chunk that has nothing but zeros is not named; every other one is
named by its SHA-256, which is also the name of its blob, so a chunk that is stored is never stored again. The
manifest is a blob too, and its own hash is what source, control plane and target speak of: who has it and
finds it right has checked the whole.

While it sends, the source also tells in pages what is stored by then, so that the target need not wait for
the end. They are hints: nothing is believed of them that the manifest does not say as well.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

import msgspec

from outofband.core.errors import ProtocolError

CHUNK = 4 * 1024 * 1024
MAX_FILES = 256
MAX_CHUNKS = 1 << 20
"""Of one machine: 4 TiB that are not zero."""
MAX_SIZE = 16 << 40
"""Bytes of one file, holes counted."""
MAX_MANIFEST = 128 * 1024 * 1024
PAGE = 8
"""Chunks that a page tells of at most: so far the target is behind the source."""
MAX_PAGE = 16 * 1024
_NAME = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9._-]{0,126}")
_HASH = re.compile(r"[0-9a-f]{64}")

Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+\Z")]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the machine's folder. `chunks` are index and hash of all that are not zero, in order."""

    name: str
    size: int
    chunks: list[tuple[int, str]]


class ImageMark(msgspec.Struct, frozen=True, kw_only=True):
    """The disk image that lies below a machine's own disk: it does not move, and has to be the same."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`epoch` is the one under which the machine was stopped; `boots` how often it had started; `ends` where
    the logs of its serial ports ended, from which no offset may ever go back.
    """

    vm: str
    driver: str
    epoch: int
    boots: int
    ends: dict[str, int]
    parts: list[Part]
    image: ImageMark | None = None
    version: int = 1

    @property
    def chunks(self) -> set[str]:
        return {name for part in self.parts for _, name in part.chunks}

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def is_name(text: str) -> bool:
    """Whether a file of this name can be carried: it names nothing but a file in the machine's folder."""
    return _NAME.fullmatch(text) is not None


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def chunk_blob(name: str) -> str:
    return f"chunk/{name}"


def manifest_blob(name: str) -> str:
    return f"manifest/{name}"


def page_blob(number: int) -> str:
    """Of the page with this number, from 0 on, in the order in which the source read its files."""
    return f"page/{number}"


def read_page(body: bytes) -> Part:
    """What a page tells: some chunks of one file. Raises ProtocolError."""
    try:
        found = msgspec.json.decode(body, type=Part)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"expected a page: {error}") from error
    problem = _problem_of(found) if len(found.chunks) <= PAGE else "too many chunks"
    if problem is not None:
        raise ProtocolError(f"expected a sound page: {problem}")
    return found


def read(body: bytes, wanted: str) -> Manifest:
    """The manifest in a blob. Raises ProtocolError for another one than `wanted`, and for one that no host
    writes: what is in there becomes names of files.
    """
    if digest(body) != wanted:
        raise ProtocolError(f"expected the manifest {wanted[:12]}, got {digest(body)[:12]}")
    try:
        found = msgspec.json.decode(body, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"expected a manifest: {error}") from error
    problem = _problem(found)
    if problem is not None:
        raise ProtocolError(f"expected a sound manifest: {problem}")
    return found


def _problem(manifest: Manifest) -> str | None:
    if manifest.version != 1:
        return f"its version is {manifest.version}"
    names = [part.name for part in manifest.parts]
    if len(names) > MAX_FILES or len(set(names)) != len(names):
        return "too many files, or one of them twice"
    if sum(len(part.chunks) for part in manifest.parts) > MAX_CHUNKS:
        return "too many chunks"
    if any(end < 0 or end > MAX_SIZE for end in manifest.ends.values()):
        return "a log ends where none can"
    return next((problem for part in manifest.parts if (problem := _problem_of(part)) is not None), None)


def _problem_of(part: Part) -> str | None:
    if not is_name(part.name):
        return f"{part.name[:40]!r} is no name of a file"
    if not 0 <= part.size <= MAX_SIZE:
        return f"{part.size} bytes"
    last = -1
    for index, name in part.chunks:
        if index <= last or index * CHUNK >= part.size or not _HASH.fullmatch(name):
            return f"a chunk of {part.name} is out of order, beyond its end or has no hash"
        last = index
    return None


def length(part: Part, index: int) -> int:
    """Bytes of one chunk; the last one of a file may be shorter."""
    return min(CHUNK, part.size - index * CHUNK)


# --- arguments of the verbs ---


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The signature that opens the container of one transfer; no log shows it and no journal keeps it."""

    query: str = ""

    def __repr__(self) -> str:
        return "Ticket()"


class LookArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-look. At the source nothing is given; at the target what is to come: `definition`, the
    source's `image`, and how many bytes.
    """

    definition: dict[str, Any] | None = None
    image: ImageMark | None = None
    bytes: int = 0


class SendArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-send."""

    move: Word
    account: Name
    container: Name
    protected: Ticket = Ticket()


class ReceiveArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-receive. `definition` is the machine's under its coming epoch."""

    move: Word
    account: Name
    container: Name
    manifest: Hash
    definition: dict[str, Any]
    protected: Ticket = Ticket()


class FollowArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-follow, to the target: `driver` is the coming machine's."""

    move: Word
    account: Name
    container: Name
    driver: Name
    protected: Ticket = Ticket()


class TakeArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-take: from now on the machine is here. Without a `manifest` it begins anew from its image;
    its logs begin at `ends` at the least.
    """

    move: Word
    definition: dict[str, Any]
    manifest: Hash | None = None
    ends: dict[str, Annotated[int, msgspec.Meta(ge=0, le=MAX_SIZE)]] = {}


class DropArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.disk-drop and vm.disk-progress."""

    move: Word


class FenceArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.fence: the machine lives on `host` now."""

    host: Annotated[str, msgspec.Meta(max_length=128)]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a transfer is, in bytes of chunks; `spared` are those of `done` that were there already."""

    done: int = 0
    total: int = 0
    spared: int = 0
