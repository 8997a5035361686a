"""F7: Azure's resource providers as declarations. A file or folder for each namespace.

A provider says what its types are, how they are read and what a change does; the kernel does all that is
common. `declare` (declare.py) brings them together. May import consoles, resources and below.
"""
