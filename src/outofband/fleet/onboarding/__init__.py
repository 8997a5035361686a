"""What brings a server here: the script for its system and one place, and the agent's package it fetches.

The scripts are files of their own (linux.sh, windows.ps1); `script` fills in the values, `package` serves the
archive of net.bundle. The portal and `oob agent script` give out the same bytes, those of `script`.
"""
