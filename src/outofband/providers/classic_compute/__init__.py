"""Microsoft.ClassicCompute: the first deployment model's view of VMs that we have.

A classic VM is a resource of its own that names a VM of the Resource Manager model and adds what only the
classic model knows: a cloud service and its endpoints. May import providers/compute and providers/network.
"""
