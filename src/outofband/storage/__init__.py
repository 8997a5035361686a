"""F4: blobs. What they are is in rows (store/blobs*), what is in them is in an object store: files or S3.

Objects never change once they are written. A row that refers to one is committed after it is whole, and an
object is erased after the last row is gone (`sweep`), so a process may be killed at any moment: at worst an
object is left that nobody refers to, until it is swept.

May import store, net, wire and below.
"""
