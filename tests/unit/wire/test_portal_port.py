"""The portal speaks the console protocol in TypeScript; both sides are held to the same vectors."""

from tests.support import console_vectors


def test_the_portals_vectors_are_those_of_the_protocol() -> None:
    kept = console_vectors.FILE.read_text()
    assert kept == console_vectors.text(), "run: .venv/bin/python -m tests.support.console_vectors"


def test_the_conversations_reach_every_kind_of_event() -> None:
    conversations = console_vectors.build()["conversations"]
    steps = [step for conversation in conversations for step in conversation["steps"]]
    events = {event["kind"] for step in steps for event in step.get("events", [])}
    assert events == {"attached", "output", "missing", "told", "ended", "inputDropped"}
    assert {step["state"][0] for step in steps} == {"opening", "attached", "lost", "ended"}
    assert any(len(step.get("frames", [])) > 1 for step in steps)
    assert any(step.get("error") for step in steps)
