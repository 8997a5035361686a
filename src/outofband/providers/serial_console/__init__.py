"""Microsoft.SerialConsole: the switch of a subscription, the ports of its VMs, and the way to them.

`services` is the switch, `ports` the declaration of ports, `connecting` the way to their consoles, `sending`
what is sent from there, `readiness` what can be in the way of both. `reading` is what can be seen without a
console: the screen and the end of the log, `policies` what becomes of logins that are left behind.
May import what providers may.
"""
