"""`azcmagent check`: this server, then the way to each address of its control plane, then who it is there.

The ways themselves are walked by `net.doctor`; here is what only the agent knows: its service, its settings,
its key and certificate, and which addresses matter. May import what the agent may.
"""
