"""Agents that play hosts, many in a process: for load, and for seeing how a control plane stands it.

What they say to the control plane is the real thing: a key each, made beforehand, an enrolment each, and
`agent.link` with its handshake, inventory, heartbeats and waits. What they tell of is nothing: they say of
themselves that they are simulated, wherever a host shows, have no machines but names, and do nothing.

`keys` and `book` are the two files, `enrolling` makes hosts of keys, `crowd` is one process (`worker` its
program), `run` starts processes and counts.
"""
