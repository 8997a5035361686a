"""F6: boot diagnostics: where logs and pictures of VMs are kept and how they are read, what hosts recognised
in them, and who is told of it.

`places` knows the account and container of each VM and hands out signatures; `boot_log` puts a log together
from its segments; `retention` takes away what is too old; `findings` keeps what agents recognised. What a VM
is to its agent is said by the floor above (`watched`).

May import resources, fleet, identity, access, storage, store, net, wire, catalogue and core; nothing of
consoles.
"""
