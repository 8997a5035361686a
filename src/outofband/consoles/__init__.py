"""F6: the console gateway: viewers and agents meet here, with a mere look at the first byte in between.

`Sessions` (sessions.py) hands out tickets and ends sessions; `session` is the life of one; `listener` is the
only picows server, `sockets` its two kinds of connections; `rights` asks whether a caller may still be there.

May import resources, fleet, identity, access, store, net, wire, catalogue and core.
"""
