"""The agent's package: wheels made anew of what is installed."""

from __future__ import annotations

import io
import zipfile
from importlib import metadata

import pytest

from outofband.net import bundle


def test_an_installation_is_asked_once_for_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is parsed anew: once for each file, a package of a thousand files takes many seconds."""
    asked = []
    real = metadata.Distribution.files

    def counted(self: metadata.Distribution) -> list[metadata.PackagePath] | None:
        asked.append(self)
        assert real.fget is not None  # type: ignore[attr-defined]
        found: list[metadata.PackagePath] | None = real.fget(self)  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(metadata.Distribution, "files", property(counted))
    made = bundle.wheel(metadata.distribution("click"))
    assert len(asked) == 1
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert "click/core.py" in names
    assert names[-1] == f"click-{made.version}.dist-info/RECORD"
