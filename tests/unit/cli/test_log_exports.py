"""Files made of a log: the portal is held to what `oob` writes, and a recording to its format."""

from __future__ import annotations

import json

import pytest

from tests.support import export_vectors

VECTORS = json.loads(export_vectors.FILE.read_text())


def test_the_portals_vectors_are_those_of_the_writers() -> None:
    assert export_vectors.FILE.read_text() == export_vectors.text(), "python -m tests.support.export_vectors"


@pytest.mark.parametrize("recording", VECTORS["recordings"], ids=lambda each: each["name"])
def test_a_recording_keeps_the_rules_of_asciicast_v2(recording: dict[str, str]) -> None:
    """https://docs.asciinema.org/manual/asciicast/v2/"""
    if not recording["pages"]:
        assert recording["file"] == ""
        return
    assert recording["file"].endswith("\n")
    lines = recording["file"].removesuffix("\n").split("\n")
    header, *events = [json.loads(line) for line in lines]
    assert header["version"] == 2
    assert all(isinstance(header[name], int) and header[name] > 0 for name in ("width", "height"))
    assert isinstance(header["timestamp"], int)
    assert header["idle_time_limit"] > 0
    assert isinstance(header.get("title", ""), str)
    last = 0.0
    for time, code, data in events:
        assert isinstance(time, int | float)
        assert time >= last, "times never go back"
        assert code in ("o", "m")
        assert isinstance(data, str)
        data.encode("utf-8")
        last = time
