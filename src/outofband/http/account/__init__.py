"""F8: the authority's pages for people: sign in, change a password, allow a device, see and end sessions.

Plain HTML that works without script; `templates/` and `static/` are part of the package, `text/` holds every
sentence. May import what `http` may.
"""
