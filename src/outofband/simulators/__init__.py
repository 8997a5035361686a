"""Machines that are played, for demonstrations and tests where the real thing cannot run.

What is in here says of itself that it is a simulator, wherever a person can see it. It may import `core` and
nothing else; nothing imports it: it is started as a program, as any machine of the driver `pty` is.
"""
