"""A serial port as a log with absolute byte offsets, and the broker that shares it among viewers.

`spool` is the log file and `index` its times and gaps; `logged`, `captured` and `ptyhost` are where bytes
come from, `keys` and `fifo` how typed ones get there. `broker` is the port itself: `people` and `attachment`
are who is on it, `output` what goes to them, `keyboard` who may type; `hub` is what all ports of one process
share.
May import core, catalogue, wire and net; nothing else of the agent.
"""
