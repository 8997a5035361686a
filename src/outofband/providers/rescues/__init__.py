"""Outofband.Diagnostics/rescues: runs of the rescue steps on a VM, as extensions of it.

`runs` declares the type, `working` is the work of its operations, `forms` is what is sent to it; `scene`,
`within` and `eyes` look at a VM. `hands` does what a step wants as the caller, by way of the kernel: with
their rights, locks and a trace in the activity log. Each `deed_` module knows which requests (`asking`) its
deeds are, which rights they need, and how they are taken back.
"""
