"""One run of a verb: its correlation id, its log, its progress, and what it says at its end."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec

from outofband.catalogue import Words, say
from outofband.catalogue.words import of_each
from outofband.cli import output as show
from outofband.cli.azcmagent import failing
from outofband.cli.steps import Steps
from outofband.core.locale import DEFAULT
from outofband.core.paths import StateDir
from outofband.net.logfile import LogFile, hide, line, redacted
from outofband.wire.azcm import AzcmFault


class Run:
    """`name` is the verb's. `step` is where it is now, `begun` what a person is told when it is cut off.

    The log is in English in every language, so that whoever helps can read it and search it.
    """

    def __init__(self, name: str, *, state: StateDir, as_json: bool, verbose: bool, to_stderr: bool) -> None:
        self.name = name
        self.state = state
        self.as_json = as_json
        self.verbose = verbose
        self.correlation = str(uuid.uuid4())
        self.step: Words | None = None
        self.begun: Words | None = None
        self.outer = ""
        """The code of the verb, once something was begun (wire.azcm.WRAPPERS)."""
        self._to_stderr = to_stderr
        self._file = LogFile(state.log / "azcmagent.log", level="debug" if verbose else "info")
        self._steps = Steps(quiet=as_json)
        self._open = False

    def open_log(self, *, wanted: bool) -> None:
        """Raises AzcmFault AZCM0005 when nothing can be written and nobody asked to go on without."""
        try:
            if not wanted and not self.state.root.exists():
                # Who only looks leaves nothing behind.
                return
            # Nobody may look into a state directory but its owner; the log's folder is made below it.
            self.state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.open()
            self._open = True
        except OSError as error:
            if wanted and not self._to_stderr:
                from outofband.cli.azcmagent.rights import require_owner

                # Whoever may not write here is told that, not what it comes to.
                require_owner(self.state)
                detail = failing.system(error)
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

    def note(self, text: Words) -> None:
        """A word for a person beside the result."""
        self.log("info", str(text))
        if not self.as_json:
            show.say(redacted(show.plain(show.local_times(show.here(text)))))

    def warn(self, text: Words) -> None:
        self.log("warning", str(text))
        if not self.as_json:
            head = click.style(show.here(say("warning")), fg="yellow")
            show.say(f"{head} {redacted(show.plain(show.here(text)))}")

    @contextlib.contextmanager
    def stepping(self, what: Words) -> Iterator[None]:
        """A step by its name, shown with the seconds it took."""
        self.step = what
        self.log("debug", f"step: {what}")
        with self._steps.step(show.here(what)):
            yield
        self.log("info", f"step done: {what}")

    def emit(self, value: Any, *lines: Words) -> None:
        """The result: JSON, or lines for a person."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
        else:
            for each in lines:
                show.line(show.local_times(show.here(each)))

    def interrupted(self, signal: str) -> AzcmFault:
        """What a person is told who pressed Ctrl-C."""
        parts = [say("told-to-end")] if signal == "SIGTERM" else []
        parts.append(say("at-step", step=self.step) if self.step else say("nothing-begun"))
        parts += [self.begun] if self.begun else []
        detail = of_each(lambda locale: " ".join(each.text(locale) for each in parts))
        return AzcmFault("AZCM0011", outer=self.outer, step=self.step, detail=detail)

    def fail(self, fault: AzcmFault, inner: BaseException | None = None) -> int:
        """Tell of a failure; the exit code."""
        if not fault.outer and self.outer:
            fault.outer, fault.step = self.outer, self.step
        logged = failing.told(fault, DEFAULT)
        self.log(
            "fatal",
            f"{logged.code}: {logged.message}",
            {
                "Exit Code": logged.exit_code,
                "Step": logged.step or "-",
                "Evidence": "; ".join(logged.evidence),
            },
        )
        cause = inner or fault.__cause__
        if self.verbose and cause is not None:
            self.log("debug", f"caused by {type(cause).__name__}: {cause}")
        told = failing.told(fault, show.voice.locale, as_json=self.as_json)
        failing.print_told(
            told, as_json=self.as_json, to_stderr=self._to_stderr, correlation=self.correlation
        )
        return told.exit_code
