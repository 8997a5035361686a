"""Helpers shared by tests of several folders. Nothing here is collected."""
