"""Microsoft.Compute: VMs that run on enrolled hosts.

`shape` is what a VM's properties look like inside and out, `placement` which host takes it, `power` the work
that operations do on the host, `instance_view` what is seen of it there, `machines` the declaration.
`scale_shape`, `scaling`, `scale_sets` and `instances` are the same for scale sets; `crew` works on many
instances at once, `upgrading` brings them to the latest model. `inside` runs things in guests, for
`run_action` and for the `guest_rows`: `run_commands` and `extensions`. `importing` takes over machines that
hosts have already, and `offers` lists what they could run.
May import what providers may.
"""
