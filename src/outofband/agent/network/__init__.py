"""The network of QEMU's VMs on this host: each has one of its own, and is reached through the agent.

`forwarder` listens on the addresses that the host's administrator offers, asks the rules of a VM's plan about
each connection, and carries it to the VM through the hypervisor's `forwards`; `attached` keeps plan,
listeners and forwards of one VM together.
"""
