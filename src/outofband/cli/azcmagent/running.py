"""One run of a verb: its correlation id, its log, its progress, and what it says at its end."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec

from outofband.cli import output as show
from outofband.cli.azcmagent import failing, phrases
from outofband.cli.steps import Steps
from outofband.core.paths import StateDir
from outofband.net.logfile import LogFile, hide, line, redacted
from outofband.wire.azcm import AzcmFault


class Run:
    """`name` is the verb's. `step` is where it is now, `begun` what a person is told when it is cut off."""

    def __init__(self, name: str, *, state: StateDir, as_json: bool, verbose: bool, to_stderr: bool) -> None:
        self.name = name
        self.state = state
        self.as_json = as_json
        self.verbose = verbose
        self.correlation = str(uuid.uuid4())
        self.step = ""
        self.begun = ""
        self.outer = ""
        """The code of the verb, once something was begun (wire.azcm.WRAPPERS)."""
        self._to_stderr = to_stderr
        self._file = LogFile(state.log / "azcmagent.log", level="debug" if verbose else "info")
        self._steps = Steps(quiet=as_json)
        self._open = False

    def open_log(self, *, wanted: bool) -> None:
        """Raises AzcmFault AZCM0005 when nothing can be written and nobody asked to go on without."""
        if not wanted and not self.state.root.exists():
            # Who only looks leaves nothing behind.
            return
        try:
            # Nobody may look into a state directory but its owner; the log's folder is made below it.
            self.state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.open()
            self._open = True
        except OSError as error:
            if wanted and not self._to_stderr:
                from outofband.cli.azcmagent.rights import require_owner

                # Whoever may not write here is told that, not what it comes to.
                require_owner(self.state)
                detail = error.strerror or str(error)
                raise AzcmFault("AZCM0005", file=str(self._file.path), detail=detail) from error
        self.log("info", f"azcmagent {self.name}", {"Correlation ID": self.correlation})

    def close(self) -> None:
        self._file.close()

    def hide(self, secret: str) -> None:
        """Never to be shown, in the log or anywhere else."""
        hide(secret)

    def log(self, level: str, message: str, fields: Mapping[str, Any] | None = None) -> None:
        if self._open:
            self._file.write_fields(level, message, fields or {})
        if self.verbose:
            click.echo(line(level, message, fields).rstrip("\n"), err=self._to_stderr or self.as_json)

    def trace(self, text: str) -> None:
        """For `client.transport`: one exchange in one line."""
        self.log("debug", text)

    def note(self, text: str) -> None:
        """A word for a person beside the result."""
        self.log("info", text)
        if not self.as_json:
            show.say(redacted(show.plain(text)))

    def warn(self, text: str) -> None:
        self.log("warning", text)
        if not self.as_json:
            show.say(click.style("WARNING ", fg="yellow") + redacted(show.plain(text)))

    @contextlib.contextmanager
    def stepping(self, what: str) -> Iterator[None]:
        """A step by its name, shown with the seconds it took."""
        self.step = what
        self.log("debug", f"step: {what}")
        with self._steps.step(phrases.step(what, show.voice.locale)):
            yield
        self.log("info", f"step done: {what}")

    def already(self, what: str, why: str) -> None:
        self.log("info", f"step done before: {what}", {"Reason": why})
        self._steps.already(phrases.step(what, show.voice.locale), why)

    def emit(self, value: Any, *lines: str) -> None:
        """The result: JSON, or lines for a person."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
        else:
            for each in lines:
                show.line(each)

    def interrupted(self, signal: str) -> AzcmFault:
        """What a person is told who pressed Ctrl-C."""
        locale = show.voice.locale
        detail = phrases.interrupted(self.step, self.begun, locale, told_to_end=signal == "SIGTERM")
        return AzcmFault("AZCM0011", outer=self.outer, step=self.step, detail=detail)

    def fail(self, fault: AzcmFault, inner: BaseException | None = None) -> int:
        """Tell of a failure; the exit code."""
        if not fault.outer and self.outer:
            fault.outer, fault.step = self.outer, self.step
        told = failing.told(fault, show.voice.locale)
        self.log(
            "fatal",
            f"{told.code}: {told.message}",
            {"Exit Code": told.exit_code, "Step": fault.step or "-", "Evidence": "; ".join(told.evidence)},
        )
        cause = inner or fault.__cause__
        if self.verbose and cause is not None:
            self.log("debug", f"caused by {type(cause).__name__}: {cause}")
        failing.print_told(
            told, as_json=self.as_json, to_stderr=self._to_stderr, correlation=self.correlation
        )
        return told.exit_code
