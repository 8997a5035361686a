"""Microsoft.SerialConsole: the switch of a subscription, the ports of its VMs, and the way to them.

`services` is the switch, `ports` the declaration of ports and what is sent through them, `reading` what can
be seen without a console: the screen and the end of the log, `policies` what becomes of logins that are left
behind. May import what providers may.
"""
