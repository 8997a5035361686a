"""F1: protocols as pure state: bytes and messages in, events out. May import core and catalogue.

No event loop, no socket, no clock: whoever drives a protocol passes the time in. `link` is the control
link of an agent, `stream` the frames of a console on both of its hops, `console` the viewer's side of a
session, `arbiter` who may type, `login` how a guest login ended, `grant` the signed rights, `screen` the
hygiene of guest output.
"""
