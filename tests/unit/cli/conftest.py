from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from outofband.cli import output
from tests.support.cloud import Cloud
from tests.unit.client.far import Far


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """A whole control plane in this process."""
    (tmp_path / "cloud").mkdir()
    async with Cloud(tmp_path / "cloud") as running:
        yield running


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Far]:
    """A scripted control plane whose client profile is in `tmp_path / "state"`."""
    async with Far(tmp_path).serving() as side:
        side.save(tmp_path / "state")
        yield side


@pytest.fixture(autouse=True)
def usual_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.voice, "quiet", False)
    monkeypatch.setattr(output.voice, "verbose", False)
    monkeypatch.setattr(output.voice, "signed_in", "")


@pytest.fixture(autouse=True)
def silent_server() -> Iterator[None]:
    """Its log would go into the output of the verbs, for it runs in the same process."""
    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    yield
    structlog.configure(**before)


def _drop(*_: object) -> str:
    raise structlog.DropEvent
