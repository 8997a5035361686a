"""Pictures that are made to fit: the pixels are right, the file is one, and what cannot fit is told."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from outofband.agent.hypervisors.picture import MAX_PNG, encode, fitting, halved, is_dark
from outofband.core.errors import Fault


def decoded(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and pixels, as the PNG specification has them; checks every chunk's sum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = zlib.decompress(chunks[b"IDAT"])
    assert rows[:: width * 3 + 1] == bytes(height)
    pixels = b"".join(rows[at + 1 : at + 1 + width * 3] for at in range(0, len(rows), width * 3 + 1))
    return width, height, pixels


def ppm(width: int, height: int, pixels: bytes) -> bytes:
    return b"P6\n%d %d\n255\n" % (width, height) + pixels


def noise(width: int, height: int) -> bytes:
    return random.Random(7).randbytes(width * height * 3)


def test_a_small_screen_keeps_every_pixel() -> None:
    pixels = noise(5, 3)
    made = fitting(ppm(5, 3, pixels))
    assert made.scale == 1
    assert decoded(made.png) == (5, 3, pixels)


def test_the_mean_of_four_pixels() -> None:
    top = bytes([0, 10, 255, 100, 20, 255]) + b"odd"
    bottom = bytes([200, 30, 255, 100, 40, 254]) + b"odd"
    assert halved(3, 3, top + bottom + b"a row odd") == (1, 1, bytes([100, 25, 254]))


def test_halving_agrees_with_the_plain_way() -> None:
    width, height = 13, 8
    pixels = noise(width, height)
    _, _, made = halved(width, height, pixels)

    def at(x: int, y: int, channel: int) -> int:
        return pixels[(y * width + x) * 3 + channel]

    plain = [
        ((at(x, y, c) + at(x, y + 1, c)) // 2 + (at(x + 1, y, c) + at(x + 1, y + 1, c)) // 2) // 2
        for y in range(0, height, 2)
        for x in range(0, width - 1, 2)
        for c in range(3)
    ]
    assert list(made) == plain


@pytest.mark.parametrize(("size", "scale"), [((1280, 800), 2), ((1920, 1080), 4), ((3840, 2160), 8)])
def test_the_worst_screen_fits_after_halving(size: tuple[int, int], scale: int) -> None:
    made = fitting(ppm(*size, noise(*size)))
    assert len(made.png) <= MAX_PNG
    assert made.scale == scale
    assert decoded(made.png)[:2] == (size[0] // scale, size[1] // scale)


def test_what_cannot_fit_is_told() -> None:
    with pytest.raises(Fault) as caught:
        fitting(ppm(8, 2, noise(8, 2)), limit=60)
    assert caught.value.code == "ScreenshotTooLarge"
    assert caught.value.fields["limit"] == 60
    assert caught.value.fields["size"] > 60


@pytest.mark.parametrize(
    "bad", [b"", b"P5\n1 1\n255\n0", b"P6\n1 1\n255\n00", b"P6\n0 9\n255\n", b"P6\n1 1\n65535\n000"]
)
def test_what_is_no_picture(bad: bytes) -> None:
    with pytest.raises(ValueError, match="expected a PPM"):
        fitting(bad)


def test_a_comment_in_the_head() -> None:
    assert decoded(fitting(b"P6\n# by a hypervisor\n1 1\n255\nabc").png) == (1, 1, b"abc")


def test_the_file_of_one_pixel() -> None:
    assert decoded(encode(1, 1, b"rgb")) == (1, 1, b"rgb")


def test_one_pixel_is_enough_to_be_seen() -> None:
    size = 720 * 400 * 3
    assert is_dark(ppm(720, 400, bytes(size)))
    assert fitting(ppm(720, 400, bytes(size))).dark
    for at in (0, 719 * 3, size - 1):
        pixels = bytearray(size)
        pixels[at] = 1
        assert not is_dark(ppm(720, 400, bytes(pixels)))
        assert not fitting(ppm(720, 400, bytes(pixels))).dark
