"""F2: thin asyncio drivers shared by all towers: tasks, TLS and trust, backoff. May import wire and below."""
