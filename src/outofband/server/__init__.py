"""F9: composition. Settings in, one explicit `Services` struct, and the life of a node from start to stop.

`main.serve` is the entry point of `oob serve`. May import every floor of the control plane; nobody imports it
but the verb that runs it.
"""
