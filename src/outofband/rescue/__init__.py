"""F6: the steps that get somebody back into a VM whose Remote Desktop or SSH does not answer.

`runbook` is the table of the eight steps, `course` the table of a run's states, `run` a run as it is kept,
and `engine` takes it from state to state. `judging` and `rules` say what follows from what was seen,
`verdict` which cause stands first, `undoing` what can be taken back. How things are seen and done is behind
the protocols of `doing`; providers bring both. `report` is what support is given, `texts` its words.
May import the floors below: resources, access, fleet, store, net, wire, catalogue, core.
"""
