"""A guest's screen as PNG, made smaller when it would not fit a message.

QEMU could make the PNG itself, but dies of it where the disk is full: libpng aborts when it cannot write. So
it is asked for raw pixels. A screen full of photographs is too large as a PNG; it is halved until it fits:
text is still to be recognised, and a picture says more than a refusal.
"""

from __future__ import annotations

import re
import struct
import zlib

import msgspec

from outofband.core.errors import Fault

MAX_PNG = 700 * 1024
"""Bytes: in base64 it has to fit a message of the link."""
MAX_PIXELS = 64 * 1024 * 1024
MAX_SCALE = 16
_PPM = re.compile(rb"P6\s(?:#[^\n]*\n)?(\d{1,5})\s(\d{1,5})\s255\s")
_CHANNELS = 3


class Picture(msgspec.Struct, frozen=True):
    """`scale`: pixels of the screen, each way, that became one; `dark`: every one of them is black."""

    png: bytes
    scale: int = 1
    dark: bool = False


def fitting(ppm: bytes, limit: int = MAX_PNG) -> Picture:
    """The pixels of a PPM as a PNG of at most `limit` bytes. Takes a while: use a thread.

    Raises Fault ScreenshotTooLarge, and ValueError for what is no PPM with 8 bits a channel.
    """
    width, height, pixels = _parsed(ppm)
    dark = _black(pixels)
    scale = 1
    while len(png := encode(width, height, pixels)) > limit:
        if scale == MAX_SCALE or min(width, height) < 2:
            raise Fault("ScreenshotTooLarge", size=len(png), limit=limit)
        width, height, pixels = halved(width, height, pixels)
        scale *= 2
    return Picture(png, scale, dark)


def is_dark(ppm: bytes) -> bool:
    """Whether every pixel is black, which is what a display shows that went to sleep. Raises ValueError."""
    return _black(_parsed(ppm)[2])


def _parsed(ppm: bytes) -> tuple[int, int, bytes]:
    """Width, height and pixels."""
    head = _PPM.match(ppm)
    width, height = (int(head[1]), int(head[2])) if head else (0, 0)
    pixels = ppm[head.end() :] if head else b""
    if not 0 < width * height <= MAX_PIXELS or len(pixels) != width * height * _CHANNELS:
        raise ValueError(f"expected a PPM, got {ppm[:20]!r} and {len(pixels)} bytes of pixels")
    return width, height, pixels


def _black(pixels: bytes) -> bool:
    return pixels.count(0) == len(pixels)


def encode(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of 8-bit RGB pixels (PNG specification, sections 9 and 11)."""
    row = width * _CHANNELS
    unfiltered = b"".join(b"\0" + pixels[at : at + row] for at in range(0, height * row, row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(unfiltered)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def halved(width: int, height: int, pixels: bytes) -> tuple[int, int, bytes]:
    """Each two by two pixels as one, their mean; an odd last row or column is dropped."""
    row = width * _CHANNELS
    rows = [pixels[at : at + row - row % (2 * _CHANNELS)] for at in range(0, height * row, row)]
    even = rows[0 : height - height % 2 : 2]
    lines = _mean(b"".join(even), b"".join(rows[1::2]))
    made = bytearray(len(lines) // 2)
    for channel in range(_CHANNELS):
        left, right = lines[channel :: 2 * _CHANNELS], lines[channel + _CHANNELS :: 2 * _CHANNELS]
        made[channel::_CHANNELS] = _mean(left, right)
    return width // 2, height // 2, bytes(made)


def _mean(one: bytes, other: bytes) -> bytes:
    """The mean of each pair of bytes, all at once: as two numbers with a digit a byte that never carries."""
    a, b = int.from_bytes(one), int.from_bytes(other)
    ones = int.from_bytes(b"\x7f" * len(one))
    return ((a & b) + (((a ^ b) >> 1) & ones)).to_bytes(len(one))
