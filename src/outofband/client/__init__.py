"""Third tower: what a front end needs to talk to a control plane: profile, HTTP client, console driver.

May import core, catalogue, wire and net; never the control plane's or the agent's inside.
"""
