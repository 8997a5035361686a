"""Microsoft.Network: who may talk to whom, which addresses there are and which way they take.

`family` is what all its types have in common and `parts` their children, which live in the row of what they
belong to; `references` how one names another. A file for each type; `evaluation` asks what is stored as
Network Watcher does. Nothing in here reaches a host: what is stored is evaluated, not enforced.
May import what providers may.
"""
