"""A machine's disk on its way from this host to another one, or from there to here.

`bundle` says which files of a machine's folder move and reads them in chunks; `images` knows the hash of disk
images; `sending` stores chunks, `receiving` fetches them into a folder of their own (`staging`), from where a
machine takes its place; `fence` keeps that a machine lives elsewhere by now; `desk` does the verbs.
May import what the agent may.
"""
