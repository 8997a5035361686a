"""Microsoft.HybridCompute: connected machines. `machines` is the type, `shape` what a body may say,
`seen` what is answered of a machine, from its row and from its agent's words. `children`: what hangs on one
in Azure only.
"""
