"""Why a connection failed: the way to an address walked step by step, each with what was seen.

`walk` takes one address from its name to an answer; `evidence` is for whoever has just had an exception of an
outgoing connection and owes a person an explanation. May import wire and below, and `net`.
"""
