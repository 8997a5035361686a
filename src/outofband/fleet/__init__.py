"""F4: the server's side of the agents: enrolment, live control links, commands, what hosts report.

`Fleet` (fleet.py) is the door for the floors above. `links` drives one socket, `switchboard` holds all those
of this node; `incoming` takes what agents say, `commands` drives the outbox, `streams` has agents dial back
for consoles; `hosts` is the memory of what agents said last. Who becomes an agent: `enrolment` by a token,
`connecting` by the key in a machine. `admission` says who gets a link, `credentials` and `renewals` issue
certificates, `trail` notes deeds.

May import store, net, wire, catalogue and core.
"""
