"""Requests of Resource Manager beside those of moto's server, the stand-in for EC2, in one run, as ratios.

Ours goes through the control plane's own process with TLS, tokens and rights on, as in real use; moto has
none of them. Imports the product's client tower and bench/ itself; moto lives in an environment of its own.
How to read the figures: ../README.md.
"""
