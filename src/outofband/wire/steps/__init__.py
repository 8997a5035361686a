"""What is done inside a guest to get Remote Desktop or SSH back, as texts for its shell and as words.

`powershell` is how a text reaches a Windows guest. `settings` names what is looked at and changed there,
`windows` is the frame of every step, `remote_desktop`, `accounts`, `management` and `cards` are the steps,
`windows_undo` the way back. `linux`, made of the other `linux_` modules, `linux_cards` and `linux_undo` are
the same for Linux. A step prints a `report`; `words` tells people what it changed, in three languages, with
the names of `labels`.
May import what wire may. Nothing of Windows was seen on a real Windows: docs/howto/rdp-recovery.md.
"""
