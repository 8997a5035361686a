"""F4: who may do what: the built-in roles, the pure decision, and the decision for a caller from the store.

May import store, net, wire, catalogue and core; not identity or fleet, which stand beside it.
"""
