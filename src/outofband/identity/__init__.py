"""F4: who is who: the token authority, signing keys, the certificate authority, and what the first start
creates.

May import store, net, wire, catalogue and core; not access or fleet, which stand beside it.
"""
