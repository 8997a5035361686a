"""The host agent: machines of one host, their serial ports, and the link to the control plane.

May import core, catalogue, wire and net; never the control plane or the clients.
"""
