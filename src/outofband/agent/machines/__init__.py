"""The machines of this host: definitions on disk, life cycle, and actions that report what was seen.

`registry` is the way in; `own_console` is the console of the server itself. May import what is below it in
the agent (config, hypervisors, ports), and core, catalogue, wire and net.
"""
