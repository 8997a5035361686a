"""Errors as the Blob service tells them: a code in a header, and a small XML document.

Some of Azure's codes mean other things to Resource Manager and have another status there; such faults have a
name of their own here and get Azure's on the wire.
"""

from __future__ import annotations

from datetime import datetime

from outofband.catalogue import Explained
from outofband.core.errors import Fault
from outofband.wire.storage import xml

ON_THE_WIRE = {
    "StorageAuthenticationFailed": "AuthenticationFailed",
    "StorageResourceNotFound": "ResourceNotFound",
    "ObjectStoreBusy": "ServerBusy",
    "ObjectStoreFull": "ServerBusy",
    "ObjectStoreDamaged": "InternalError",
    "StoreBusy": "ServerBusy",
    "StoreUnavailable": "ServerBusy",
    "InvalidAuthenticationToken": "InvalidAuthenticationInfo",
    "ExpiredAuthenticationToken": "InvalidAuthenticationInfo",
    "AuthorizationFailed": "AuthorizationPermissionMismatch",
    "StorageBodyTimeout": "OperationTimedOut",
}


def code(fault: Fault) -> str:
    """Azure's code for a fault."""
    return ON_THE_WIRE.get(fault.code, fault.code)


def document(fault: Fault, said: Explained, request_id: str, now: datetime) -> bytes:
    """The body of a refusal. The detail of a failed authentication is Azure's own extra element."""
    message = f"{said.message}\nRequestId:{request_id}\nTime:{now.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}"
    children = [xml.element("Code", code(fault)), xml.element("Message", message)]
    detail = fault.fields.get("detail")
    if fault.code == "StorageAuthenticationFailed" and isinstance(detail, str):
        children.append(xml.element("AuthenticationErrorDetail", detail))
    return xml.document("Error", children)
