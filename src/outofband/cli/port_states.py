"""What a serial port shows, in words for a person (docs/reference/port-states.md)."""

from __future__ import annotations

STATES = {
    "sac": "SAC",
    "sacFailed": "!SAC, Windows has stopped",
    "healthReport": "health report only, SAC is off",
    "bootManager": "Windows Boot Manager",
    "kernelDebugger": "kernel debugger",
    "login": "login",
    "shell": "shell",
    "grub": "GRUB",
    "firmware": "firmware",
    "silent": "silent",
    "unknown": "output, no prompt",
}
"""By the names that `wire.portstate` gives them."""
