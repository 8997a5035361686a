"""Signatures of webhooks, as the Standard Webhooks specification has them."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import webhook
from outofband.wire.exposition import Kind, Metric, text


def test_the_specifications_own_example() -> None:
    key = webhook.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = webhook.headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200), st.integers(0, 4_000_000_000))
def test_what_was_signed_is_authentic_and_nothing_else(key: bytes, body: bytes, at: int) -> None:
    assert webhook.key_of(webhook.secret_of(key)) == key
    made = {name.lower(): value for name, value in webhook.headers(key, "e-1", at, body).items()}
    assert webhook.is_authentic(key, made, body, at + 5)
    assert not webhook.is_authentic(key, made, body + b" ", at)
    assert not webhook.is_authentic(key, made | {"webhook-id": "e-2"}, body, at)
    assert not webhook.is_authentic(key, made | {"webhook-timestamp": str(at + 1)}, body, at)
    assert not webhook.is_authentic(key, made, body, at + webhook.TOLERANCE_SECONDS + 1)
    assert not webhook.is_authentic(b"another key" + key, made, body, at)
    both = {**made, "webhook-signature": "v1,old " + made["webhook-signature"]}
    assert webhook.is_authentic(key, both, body, at)
    assert not webhook.is_authentic(key, {}, body, at)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_*", "secret", "whsec_" + base64.b64encode(b"x" * 23).decode()]
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|bytes|base64"):
        webhook.key_of(secret)


def test_an_event_is_a_cloud_event() -> None:
    body = webhook.event(
        id="1", kind="k", source="/vm", subject="s", time="2026-01-01T00:00:00Z", data={"a": 1}
    )
    told = msgspec.json.decode(body)
    assert told["specversion"] == "1.0" and told["type"] == "k" and told["data"] == {"a": 1}


def test_metrics_as_text() -> None:
    metrics = [
        Metric("a_total", Kind.COUNTER, "One\nline \\", [({"code": 'x"\\\n'}, 2), ({}, 0.5)]),
        Metric("b", Kind.GAUGE, "B.", []),
    ]
    assert text(metrics) == (
        "# HELP a_total One\\nline \\\\\n# TYPE a_total counter\n"
        'a_total{code="x\\"\\\\\\n"} 2\na_total 0.5\n# HELP b B.\n# TYPE b gauge\n'
    )
