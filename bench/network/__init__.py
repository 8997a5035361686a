"""A connection to a VM through its host: what the agent's door costs, beside socat and none at all."""
