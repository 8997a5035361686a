"""The portal's console shows the catalogue's own words."""

from tests.support import portal_faults


def test_the_portals_copy_is_the_catalogues() -> None:
    kept = portal_faults.FILE.read_text()
    assert kept == portal_faults.text(), "run: .venv/bin/python -m tests.support.portal_faults"
