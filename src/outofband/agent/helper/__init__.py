"""What needs root, apart from what does not: a process with a closed list of verbs, for the agent's user.

`root` is that process, `login` what the agent's user runs to get a login on a terminal of its own. They
import nothing of the agent; whoever checks them has these files, `core` and msgspec to read.
"""
