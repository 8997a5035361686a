"""Recordings of broken and healthy guests with their labels; the failure detector is measured on them."""
