"""The files of an installation. Each names this project in its head: so they are known as ours."""

from __future__ import annotations

import shlex

MARK = "Outofband"
IDENTITY_PORT = 40342
_VARIABLES = {
    "IDENTITY_ENDPOINT": f"http://localhost:{IDENTITY_PORT}/metadata/identity/oauth2/token",
    "IMDS_ENDPOINT": f"http://localhost:{IDENTITY_PORT}",
}


def program(python: str, module: str) -> str:
    """A program of the installation: `-I`, so that nothing of whoever calls it chooses what root runs."""
    return f'#!/bin/sh\n# {MARK}\nexec {shlex.quote(python)} -I -m {module} "$@"\n'


def manager_environment() -> str:
    """For services of systemd: the variables by which Azure's clients find this host's identity."""
    words = " ".join(f'"{name}={value}"' for name, value in _VARIABLES.items())
    return (
        f"# {MARK}: services of this system find the server's identity. Login shells get nothing from here:\n"
        f"# /etc/profile.d/azcmagent.sh is for them.\n[Manager]\nDefaultEnvironment={words}\n"
    )


def profile() -> str:
    """For login shells, which systemd gives nothing; who has other values keeps them."""
    lines = [f'export {name}="${{{name}:-{value}}}"' for name, value in _VARIABLES.items()]
    return "\n".join([f"# {MARK}: where programs find this server's identity", *lines, ""])


def helper_unit(bin_folder: str) -> str:
    """Root's helper is not shut in: what it starts, a login, is the administrator's way to everything."""
    return f"""\
# {MARK}
[Unit]
Description={MARK}: what the Connected Machine agent needs root for
Before=himdsd.service

[Service]
Type=exec
ExecStart={bin_folder}/himds-helper
Restart=always
RestartSec=2
# A login on a console goes on when the helper is started anew.
KillMode=process
LimitCORE=0
MemoryMax=256M

[Install]
WantedBy=multi-user.target
"""


def agent_unit(bin_folder: str, state: str, user: str) -> str:
    """The agent, shut in as far as starting QEMU allows.

    Its guests are its children: they outlive it (KillMode=process) and live within the same bounds. QEMU
    needs pages that are both written and run (TCG), /dev/kvm, and system calls to shut itself in further.
    """
    return f"""\
# {MARK}
[Unit]
Description={MARK}: the Connected Machine agent (himds)
Wants=network-online.target himdsd-helper.service
After=network-online.target nss-lookup.target himdsd-helper.service
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
Group={user}
WorkingDirectory={state}
ExecStart={bin_folder}/himds
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStopSec=30
# Guests go on when the agent is stopped or started anew.
KillMode=process
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=65536
LimitCORE=0
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={state}
ProtectHome=read-only
PrivateTmp=yes
# /dev/kvm for guests, serial ports for a console of the server's own; terminals are always allowed.
DevicePolicy=closed
DeviceAllow=/dev/kvm rw
DeviceAllow=char-ttyS rw
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyAMA rw
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# seccomp is how QEMU gives up calls that it needs no more.
SystemCallFilter=@system-service seccomp
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def init_script(bin_folder: str) -> str:
    """For systems with scripts in /etc/init.d; `himdsd` itself works anywhere."""
    return f"""\
#!/bin/sh
# {MARK}
### BEGIN INIT INFO
# Provides:          himdsd
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: {MARK}: the Connected Machine agent
### END INIT INFO
exec {bin_folder}/himdsd "$@"
"""
