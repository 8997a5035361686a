"""What runs a machine: QEMU over QMP, a program on a terminal, or somebody else's VMM on a unix socket.

Drivers start, stop and poke one machine and tell what its VMM said; what a guest showed on its console is
looked at one folder further, in `machines`. May import core, catalogue, wire, net, `agent.config` and
`agent.ports`.
"""
