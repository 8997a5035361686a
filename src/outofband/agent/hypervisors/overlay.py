"""A machine's own disk: an empty qcow2 file over the image, which itself is never written to.

Written by hand because it is two pages of header, and needs no program beside QEMU. The layout is QEMU's
docs/interop/qcow2.txt: header, refcount table, refcount block, L1 table, each in a cluster of its own.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from outofband.core.errors import Fault
from outofband.core.secrets import write_private

_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
_COVERED = _CLUSTER * (_CLUSTER // 8)
"""Guest bytes one L1 entry stands for: a cluster full of 8-byte L2 entries."""
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_EXTENSION = struct.Struct(">II")
_BACKING_FORMAT = 0xE2792ACA
_MAGIC = b"QFI\xfb"
_DIRTY = 1
"""The one incompatible feature that is borne: refcounts to be counted again."""
_HARMLESS = frozenset({_BACKING_FORMAT, 0x6803F857, 0x23852875})
"""Header extensions: the image's format, names of features, bitmaps."""
_MAX_NAME = 1023
MAX_SIZE = 16 << 40
"""Largest image, bytes; its L1 table then takes four clusters."""


def create(path: Path, image: Path, kind: str | None) -> None:
    """Make the overlay at `path` (0600) unless it exists. `kind` is raw, qcow2 or None to tell by the name.

    Raises Fault VmStartFailed when the image cannot be used.
    """
    if path.exists():
        return
    kind = kind or ("qcow2" if image.suffix == ".qcow2" else "raw")
    try:
        empty = header(os.fsencode(image), kind, _virtual_size(image, kind))
    except (OSError, ValueError, struct.error) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        raise Fault("VmStartFailed", detail=f"the disk image '{image}': {detail}") from error
    write_private(path, empty)


def rebase(path: Path, image: Path, kind: str | None) -> None:
    """Have an overlay that another host made lie over this host's own `image`. Repeating it does no harm.

    What comes from another host may name any file there is, so its name is written over, and an overlay with
    a feature that reaches further (a data file of its own, a corrupt mark, encryption, a word that is not
    known here) is refused. Raises ValueError and OSError.
    """
    kind = kind or ("qcow2" if image.suffix == ".qcow2" else "raw")
    name = os.fsencode(image)
    with path.open("r+b") as file:
        head = file.read(_CLUSTER)
        _check_header(head, kind)
        at, known = struct.unpack_from(">QI", head, 8)
        if len(name) > _MAX_NAME or at + max(len(name), known) > len(head):
            raise ValueError(f"expected room for a path of {len(name)} bytes")
        file.seek(at)
        file.write(name.ljust(known, b"\0"))
        file.seek(16)
        file.write(struct.pack(">I", len(name)))
        file.flush()
        os.fsync(file.fileno())


def _check_header(head: bytes, kind: str) -> None:
    """Raises ValueError for anything but an overlay over an image of this kind."""
    if len(head) < _CLUSTER or head[:4] != _MAGIC:
        raise ValueError("it is no qcow2 file")
    version, at, _, bits = struct.unpack_from(">IQII", head, 4)
    incompatible, length = struct.unpack_from(">Q", head, 72)[0], struct.unpack_from(">I", head, 100)[0]
    crypt = struct.unpack_from(">I", head, 32)[0]
    if version != 3 or bits != _CLUSTER_BITS or crypt or incompatible & ~_DIRTY:
        raise ValueError("it has features that a machine's disk does not have here")
    if not length <= at < _CLUSTER:
        raise ValueError("it lies over no image")
    place, backing = length, None
    while place + 8 <= at:
        word, size = _EXTENSION.unpack_from(head, place)
        if word == 0:
            break
        if word not in _HARMLESS or place + 8 + size > at:
            raise ValueError(f"it has a header extension {word:#x}")
        if word == _BACKING_FORMAT:
            backing = head[place + 8 : place + 8 + size]
        place += 8 + size + -size % 8
    if backing != kind.encode():
        raise ValueError(f"expected an overlay over a {kind} image")


def header(image: bytes, kind: str, size: int) -> bytes:
    """The whole of an empty overlay. `size` is the image's size as the guest sees it, bytes.

    Raises ValueError for a size or a name the format has no room for.
    """
    if not 0 < size <= MAX_SIZE:
        raise ValueError(f"expected a size up to {MAX_SIZE} bytes, got {size}")
    if len(image) > _MAX_NAME:
        raise ValueError(f"expected a path of at most {_MAX_NAME} bytes, got {len(image)}")
    entries = -(-size // _COVERED)
    table_clusters = -(-entries * 8 // _CLUSTER)
    format_name = kind.encode()
    extensions = _EXTENSION.pack(_BACKING_FORMAT, len(format_name)) + format_name
    extensions += bytes(-len(extensions) % 8) + _EXTENSION.pack(0, 0)
    fields = _HEADER.pack(
        _MAGIC,
        3,  # version
        _HEADER.size + len(extensions),  # where the name of the backing file begins
        len(image),
        _CLUSTER_BITS,
        size,
        0,  # no encryption
        entries,
        3 * _CLUSTER,  # L1 table
        _CLUSTER,  # refcount table
        1,  # clusters of the refcount table
        0,  # snapshots
        0,
        0,  # incompatible features
        0,  # compatible features
        0,  # autoclear features
        4,  # refcounts of 2^4 bits
        _HEADER.size,
    )
    used = 3 + table_clusters
    parts = [
        fields + extensions + image,
        struct.pack(">Q", 2 * _CLUSTER),  # refcount table: its one block
        struct.pack(">H", 1) * used,  # refcount block: every cluster up to here is used once
        bytes(table_clusters * _CLUSTER),  # L1 table: nothing allocated
    ]
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)


def _virtual_size(image: Path, kind: str) -> int:
    with image.open("rb") as file:
        if kind == "raw":
            size = file.seek(0, os.SEEK_END)
            return size + -size % 512
        magic, _, _, _, _, size = struct.unpack(">4sIQIIQ", file.read(32))
        if magic != _MAGIC:
            raise ValueError("it is no qcow2 file")
        return int(size)
