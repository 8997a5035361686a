"""`reset_remote`: SSH and Remote Desktop (xrdp) of a Linux guest brought back, by one text for its sh.

It does what Azure's VMAccessForLinux has no place for. Whatever stands in the way of a connection is looked
at, mended where that is safe, and told where it is not: services, their configuration and port, the
certificate, the guest's own firewall, one account, a full disk. The text is in the other `linux_` modules.

Before each change the way back is written to a plan in the guest, so that it is there also when the step dies
halfway; `linux_undo` follows it. Values come in the environment and nothing in them is secret.
"""

from __future__ import annotations

import re

from outofband.core.errors import Fault
from outofband.wire.remote import PORTS, Protocol
from outofband.wire.script import Parameter, RunArgs
from outofband.wire.steps.linux_accounts import ACCOUNTS
from outofband.wire.steps.linux_cards import CARDS
from outofband.wire.steps.linux_firewall import FIREWALL
from outofband.wire.steps.linux_labels import LABELS
from outofband.wire.steps.linux_managed import MANAGED
from outofband.wire.steps.linux_parts import ASK, REPORT, SERVICES, STATE
from outofband.wire.steps.linux_ssh import SSH
from outofband.wire.steps.linux_verdict import VERDICT
from outofband.wire.steps.linux_xrdp import XRDP

STEP_SECONDS = 300.0
MAX_PORT = 65535
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_RUN = re.compile(r"[A-Za-z0-9-]{1,64}")


def is_account(name: str) -> bool:
    """Whether the step takes it for the name of an account."""
    return _USER.fullmatch(name) is not None


_LOOKS = ASK + CARDS + STATE + LABELS
RESET_REMOTE = _LOOKS + SERVICES + SSH + XRDP + MANAGED + VERDICT + FIREWALL + ACCOUNTS + REPORT


def reset_remote(
    protocols: tuple[Protocol, ...],
    run: str,
    *,
    user: str | None = None,
    only_look: bool = False,
    ports: dict[Protocol, int] | None = None,
) -> RunArgs:
    """What `vm.run` is given. `run` names this run for an undo; with `only_look` nothing is changed.

    Raises Fault InvalidParameter.
    """
    wanted = PORTS | (ports or {})
    if not protocols:
        raise Fault("InvalidParameter", target="protocols", detail="at least one of rdp and ssh")
    if not _RUN.fullmatch(run):
        raise Fault("InvalidParameter", target="run", detail="1 to 64 letters, digits and hyphens")
    if user is not None and not is_account(user):
        raise Fault("InvalidParameter", target="user", detail="it is no legal name of an account")
    if any(not 1 <= port <= MAX_PORT for port in wanted.values()):
        raise Fault("InvalidParameter", target="ports", detail=f"1 to {MAX_PORT}")
    values = {
        "protocols": " ".join(each.value for each in protocols),
        "run": run,
        "account": user or "",
        "only_look": "true" if only_look else "",
        "ssh_port": str(wanted[Protocol.SSH]),
        "rdp_port": str(wanted[Protocol.RDP]),
    }
    parameters = tuple(
        Parameter(name=name, value=value, positional=False) for name, value in values.items() if value
    )
    return RunArgs(script=RESET_REMOTE, parameters=parameters, timeout=STEP_SECONDS)
