"""The identity of this host, for the programs on it: key files, the local endpoint, tokens.

Off until agent.toml asks for it. Imports what the agent may: core, catalogue, wire, net.
"""
