"""AWS Signature Version 4 against the examples of its public documentation."""

from __future__ import annotations

from datetime import UTC, datetime

from outofband.wire.storage.sigv4 import Credentials, quoted, signed

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXAMPLE = Credentials(
    access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
HOST = "examplebucket.s3.amazonaws.com"
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_get_object() -> None:
    headers = signed(
        EXAMPLE,
        method="GET",
        host=HOST,
        path="/test.txt",
        headers={"Range": "bytes=0-9"},
        payload=EMPTY,
        now=NOW,
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_put_object() -> None:
    headers = signed(
        EXAMPLE,
        method="PUT",
        host=HOST,
        path=quoted("/test$file.text"),
        headers={"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        payload="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        now=NOW,
    )
    signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_list_objects() -> None:
    headers = signed(
        EXAMPLE,
        method="GET",
        host=HOST,
        path="/",
        query={"prefix": "J", "max-keys": "2"},
        payload=EMPTY,
        now=NOW,
    )
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_the_secret_is_not_shown() -> None:
    assert EXAMPLE.secret_key not in repr(EXAMPLE)
