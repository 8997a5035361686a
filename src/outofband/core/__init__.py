"""F0: values and words every tower shares: resource ids, faults, principals, clock, secrets, paths.

May import the standard library and msgspec only. Nothing in here waits, connects or prints.
"""
