"""The reference page of console errors is the catalogue's."""

from outofband.catalogue import codes
from tests.support import console_errors


def test_the_page_is_current() -> None:
    kept = console_errors.FILE.read_text()
    assert kept == console_errors.text(), "run: .venv/bin/python -m tests.support.console_errors"


def test_the_page_names_what_there_is() -> None:
    assert not console_errors.AZURE.keys() - codes()
    assert all(f"### {code}\n" in console_errors.text() for code in console_errors.AZURE)
