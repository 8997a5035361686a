"""Tokens that the authority gives, and requests with one that are checked, in a processor second."""
