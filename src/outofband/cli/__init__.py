"""Third tower: the `oob` command. One file a noun; a table or JSON from every verb, a documented exit code.

May import client, core, catalogue, wire and net; `serve` and `agent` hand over to their tower's entry point.
Modules are imported only when their verb runs: `oob` must start fast.
"""
