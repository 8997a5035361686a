"""F4: signing in through providers of others (ADR 24): what an administrator says of one, what it says of
itself, its id tokens, the way there and back, and who that is here. May import what `identity` may.
"""
