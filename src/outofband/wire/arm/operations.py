"""What a long-running operation looks like from outside: its poll addresses and their bodies.

`Azure-AsyncOperation` is answered with 200 and a status for as long as the row lives. `Location` is answered
with 202 while the operation runs, then with its output (200), with nothing (204), or with its error.
"""

from __future__ import annotations

import enum
from typing import Any

RETRY_AFTER_SECONDS = 1
"""Without this header the SDKs' pollers wait 30 s."""


class Status(enum.StrEnum):
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def final(self) -> bool:
        return self is not Status.IN_PROGRESS


def status_path(subscription: str, namespace: str, location: str, operation: str) -> str:
    """Path of the `Azure-AsyncOperation` address."""
    return _path(subscription, namespace, location, "operations", operation)


def result_path(subscription: str, namespace: str, location: str, operation: str) -> str:
    """Path of the `Location` address."""
    return _path(subscription, namespace, location, "operationResults", operation)


def _path(subscription: str, namespace: str, location: str, kind: str, operation: str) -> str:
    return f"/subscriptions/{subscription}/providers/{namespace}/locations/{location}/{kind}/{operation}"


def poll_headers(base: str, status: str, result: str, version: str) -> dict[str, str]:
    """Headers of the first answer. `base` is scheme and authority; a poll needs an api-version too."""
    return status_headers(base, status, version) | location_headers(base, result, version)


def status_headers(base: str, status: str, version: str) -> dict[str, str]:
    """Headers that lead to the status of an operation and to nothing else."""
    return {
        "Azure-AsyncOperation": f"{base}{status}?api-version={version}",
        "Retry-After": str(RETRY_AFTER_SECONDS),
    }


def location_headers(base: str, result: str, version: str) -> dict[str, str]:
    """Headers of a 202: of the first answer, and of `Location` while the operation runs."""
    return {
        "Location": f"{base}{result}?api-version={version}",
        "Retry-After": str(RETRY_AFTER_SECONDS),
    }


def poll_body(
    *,
    path: str,
    name: str,
    status: Status,
    started: str,
    ended: str | None = None,
    error: dict[str, Any] | None = None,
    output: Any = None,
    percent: int | None = None,
    phase: str | None = None,
) -> dict[str, Any]:
    """Body of a poll; times are ISO text, `error` is the object that goes under `error`, `phase` is what it
    does now, in a word of its own.
    """
    body: dict[str, Any] = {"id": path, "name": name, "status": status.value, "startTime": started}
    if ended:
        body["endTime"] = ended
    if percent is not None:
        body["percentComplete"] = percent
    if error is not None:
        body["error"] = error
    if output is not None:
        body["properties"] = {"output": output}
    elif phase is not None:
        body["properties"] = {"phase": phase}
    return body
