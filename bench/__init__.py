"""Side-by-side benchmarks: this project and its peers, in one run, as ratios.

Imports the product's client tower (core, wire, net, client) and nothing of the agent or the control plane:
those run as the processes a person would start. How to read the figures: README.md.
"""
