"""The words of Azure Resource Manager as pure values, shared by the server and the clients.

`errors` the error envelope, `versions` the api-version rule, `paging` pages and their next links,
`operations` what a poll of a long-running operation answers, `filters` the part of OData's `$filter` we take.
May import core and catalogue.
"""
