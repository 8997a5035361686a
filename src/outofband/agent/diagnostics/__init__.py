"""Boot diagnostics of this host's machines. What their serial ports said and their screens show goes to the
Blob service, where it outlives the machine and the host; and it is looked through for failures, whoever
watches.

`places` knows where it goes (the control plane says it), `portlog` what of one port's log is stored already,
`uploads` brings what is new. `watcher` has a `cursor` on each serial port's log; what it finds waits in
`untold` for a control plane. May import ports, machines, core, catalogue, wire and net.
"""
