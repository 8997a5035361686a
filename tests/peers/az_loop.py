"""Runs in the environment .az: Azure's command line, loaded once, then each command in a fork of its own.

A line of standard input is a JSON array, the words after `az`; a line of the answer is an object with the
exit code and what the command printed. A fork runs `azure.cli` as `az` does, from the words to the exit code:
nothing is carried from one command to the next but the imports, most of the time of a real start.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import tempfile

COMMANDS = ("cloud", "config", "monitor", "network", "profile", "resource", "role", "storage", "vm")
PARTS = ("", ".commands", "._params", ".custom", "._help", "._client_factory", "._format")
LIBRARIES = ("azure.cli.core", "azure.cli.core.aaz", "azure.cli.core.auth.identity", "msal", "requests")


def warm() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    for command in COMMANDS:
        for part in PARTS:
            # Not every command group has every part.
            with contextlib.suppress(ImportError):
                importlib.import_module(f"azure.cli.command_modules.{command}{part}")


def perform(words: list[str]) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.argv = ["az", *words]
                runpy.run_module("azure.cli", run_name="__main__")
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code or 0)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": out.read().decode(errors="replace"),
            "err": err.read().decode(errors="replace"),
        }


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What an import prints must not be taken for an answer.
    os.dup2(2, 1)
    warm()
    for line in sys.stdin:
        answers.write(json.dumps(perform(json.loads(line))) + "\n")
