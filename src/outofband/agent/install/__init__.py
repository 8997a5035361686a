"""The agent under the fixed names that programs and people look for (D14): putting it there, taking it away.

`plan` decides, from what `look` found, which `steps` those are, and touches nothing; `steps` knows how each
is done and said; `verbs` is both together. `texts` are the files, `runner` keeps the agent running where
there is no systemd.
"""
