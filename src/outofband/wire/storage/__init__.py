"""The Blob service's REST API as pure state: signatures, conditions, ranges, leases, XML.

Source is Azure's public REST reference for Blob Storage: "Authorize with Shared Key", "Create a service SAS",
"Create an account SAS", "Specifying conditional headers", "Lease Blob". `asked` is one request, `shared_key`
and `sas` prove who sent it, `documents` and `errors` are what goes back.
"""
