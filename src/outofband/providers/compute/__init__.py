"""Microsoft.Compute: VMs that run on enrolled hosts.

`shape` is what a VM's properties look like inside and out, `placement` which host takes it, `power` the work
that operations do on the host, `instance_view` what is seen of it there, `machines` the declaration.
May import what providers may.
"""
