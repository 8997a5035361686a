"""Progress of what takes time: one line a step on stderr, so that standard output holds the result alone."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator

import click

from outofband.catalogue import say
from outofband.cli import output as show
from outofband.core import clock

EVERY_SECONDS = 10.0
"""Without a terminal a long step says where it is this often; a log must not fill with it."""

Detail = Callable[[str], None]


class Steps:
    """`quiet` silences it. `changed` counts the steps that did something."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet or show.voice.quiet
        self._live = sys.stderr.isatty()
        self.changed = 0

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[Detail]:
        """A step that changes something, with a mark and the time it took when it is over."""
        began = clock.monotonic()
        self.changed += 1
        try:
            with self.progress(what) as detail:
                yield detail
        except BaseException:
            self._line("✗", what, show.here(say("step-failed")), fg="red")
            raise
        self._line("✓", what, f"{clock.monotonic() - began:.1f} s")

    @contextlib.contextmanager
    def progress(self, what: str) -> Iterator[Detail]:
        """Shows that something goes on, and the detail that is told of it, until it is over."""
        said = clock.monotonic()

        def detail(words: str) -> None:
            nonlocal said
            text = show.plain(f" … {what}: {words}" if words else f" … {what}")
            if self._quiet:
                return
            if self._live:
                # A longer line would wrap, and what wraps cannot be taken back.
                columns = shutil.get_terminal_size().columns
                click.echo(f"\r\x1b[K{text[: columns - 1]}", nl=False, err=True)
            elif clock.monotonic() - said >= EVERY_SECONDS:
                said = clock.monotonic()
                show.say(text)

        detail("")
        try:
            yield detail
        finally:
            if self._live and not self._quiet:
                click.echo("\r\x1b[K", nl=False, err=True)

    def done(self, what: str, state: str) -> None:
        """A step that turned out to change something."""
        self.changed += 1
        self._line("✓", what, state)

    def already(self, what: str, state: str) -> None:
        """A step that had nothing to do."""
        self._line("✓", what, state)

    def _line(self, mark: str, what: str, end: str, fg: str | None = None) -> None:
        if not self._quiet:
            show.say(f" {mark} {what}  {click.style(show.plain(end), fg=fg, dim=fg is None)}")
