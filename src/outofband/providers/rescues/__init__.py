"""Outofband.Diagnostics/rescues: runs of the rescue steps on a VM, as extensions of it.

`runs` declares the type, `forms` is what is sent to it, `scene` and `eyes` look at a VM, `hands` does what a
step wants as the caller, by way of the kernel: with their rights, locks and a trace in the activity log.
"""
