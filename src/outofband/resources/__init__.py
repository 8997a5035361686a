"""F5: the ARM kernel. What is the same for every resource type is done here, once.

A type is a `ResourceType` (declaration.py): a name, how it is read, what a change does. `Kernel` does the
rest: routing, the order of checks, envelope, etag, paging, long-running operations and the activity log;
`Runner` does the work of operations. Knows no type by name; providers declare them.

May import identity, access, fleet, store and below.
"""
