"""Microsoft.Storage: accounts, their keys and signatures, their Blob service and its containers.

What is in containers is served by `http.blobs`, on the same rows.
"""
