"""F8: the ASGI edge. Turns HTTP and WebSockets into the words of the floors below, and their answers back.

`app` puts the routes together, `headers` is around them all. `arm` is Resource Manager's door, `oauth` the
authority's, `graph` the directory's, `fleet` the agents', `portal` the browser's (its `files` are built from
web/), `openapi` the description of all these, `wellknown` what needs no token. Decides nothing itself. May
import providers and below.
"""
