"""The audit chain as pure state: how records are linked and signed, and how that is verified."""
