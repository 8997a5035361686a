"""How Azure's network filters and routes, as pure values: who may talk to whom, and by which way.

`prefixes` addresses and blocks, `rules` security rules with Azure's defaults and checks, `tags` what a
service tag stands for, `flows` which rule decides about a flow, `routes` the next hop, `effective` both as
Azure lists them. Nothing in here asks a network anything. May import core and catalogue.
"""
