"""A Debian guest with systemd: SSH, RDP, nftables and QEMU's guest agent, for tests that need a whole system.

`recipe` says what is in it, `build` makes it with mmdebstrap; `files/` is laid over its root.
"""
