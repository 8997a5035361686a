"""`oob ca`: the control plane's authority and certificate. Hands over to the control plane's tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.keys import EXIT_DECLINED, agreed, plain, verbs
from outofband.core import clock

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


@click.group()
def ca() -> None:
    """The authority that everybody here trusts, on the control plane's own host.

    \b
    What there is:  oob ca status
    """


@ca.command(epilog="Example:  oob ca status -o json")
@options.common
def status(state: StateDir, output: str) -> None:
    """Authorities and certificate, how long they last, and who does not know the next authority yet."""
    show.emit(*_told(verbs().authority_status(state), output))


@ca.command(epilog="Example:  oob ca rotate --yes")
@click.option("--force", is_flag=True, help="Even if hosts do not know the next authority; they enrol again.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def rotate(force: bool, yes: bool, state: StateDir, output: str) -> int:
    """Let the next authority take over: a new certificate is served at once, and nothing is cut.

    Agents, `oob` and whoever trusts both certificates of `oob trust` go on. The authority after it is told to
    agents over their links; browsers and systems are given it with `oob trust` before the next rotation.
    """
    if not agreed(yes, "Let the next authority take over?"):
        show.say("Nothing was changed.")
        return EXIT_DECLINED
    show.emit(*_told(verbs().rotate_authority(state, force=force), output))
    return 0


def _told(found: Any, output: str) -> tuple[Any, str, Any]:
    def table(_: object) -> None:
        rows = [
            (word, each.fingerprint[:16], clock.iso(each.ends)[:10], str(each.days))
            for word, each in (
                ("authority", found.current),
                ("next authority", found.next),
                ("certificate" + (" (own)" if found.own else ""), found.certificate),
            )
        ]
        show.rows(["", "SHA-256", "ENDS", "DAYS LEFT"], rows, empty="")
        show.note(f"\nThe certificate is for {', '.join(found.names)}.")
        if found.unaware:
            show.note(f"Do not know the next authority yet: {', '.join(found.unaware)}.")

    return plain(found), output, table
