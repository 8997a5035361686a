"""Outofband: get back into machines whose front door is broken. See docs/architecture.md."""

__version__ = "0.1.0"
