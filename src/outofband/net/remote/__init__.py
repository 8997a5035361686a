"""Looks at how a machine can be reached from here: its name, a way to it, its port, and what answers there.

`way` leads to an open socket or says why there is none; `rdp` and `ssh` talk to what listens. They use the
steps of `net.doctor`, and leave the meaning of what was seen to `wire`.
"""
