"""What became of a paste, in words: of `oob paste` and of `oob console`."""

from __future__ import annotations

from outofband.wire.pasting import Progress, State, Verdict, Why

WHY = {
    Why.ASKED: "it was asked to",
    Why.QUIET: "the guest echoed and does not any more",
    Why.LINE_TOO_LONG: "the next line is longer than SAC's prompt takes",
    Why.NOT_TAKEN: "the port does not take what is typed",
    Why.GUEST_RESET: "the guest was started anew",
    Why.VIEWER_GONE: "the connection was lost",
    Why.KEYBOARD_LOST: "the keyboard is somebody else's",
    Why.UNKNOWN: "the host's agent has no such paste: it was started anew, perhaps",
}


def why(progress: Progress) -> str:
    """Why it is paused or has ended."""
    return WHY[progress.why] if progress.why is not None else "for a reason that is not known here"


def end(progress: Progress) -> str:
    """How a paste that is over came out."""
    if progress.state is State.ENDED:
        return f"paste stopped after {progress.typed} bytes: {why(progress)}"
    if progress.verdict is Verdict.ECHOED:
        return "pasted; all that can be seen was echoed"
    if progress.verdict is Verdict.DIFFERS:
        return f"pasted, but from byte {progress.at} on the guest showed something else: look there"
    return "pasted; the guest echoed nothing"
