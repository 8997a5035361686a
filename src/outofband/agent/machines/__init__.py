"""The machines of this host: definitions on disk, life cycle, and actions that report what was seen.

`registry` is the way in. May import what is below it in the agent (config, hypervisors, ports), and core,
catalogue, wire and net.
"""
