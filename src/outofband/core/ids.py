"""ARM resource ids: parsed once, compared without case, echoed in the caller's spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from outofband.core.errors import Fault

MAX_ID_LENGTH = 2048
MAX_SEGMENT = 260
_SEGMENT = re.compile(r"[^/?#%&\\<>:\x00-\x1f\x7f]+")
_ODD = re.compile(r"[?#%&\\<>:\x00-\x1f\x7f]")
"""Quoted, or in no name: most ids have none of them, and need no look at each segment."""


class ResourceId(msgspec.Struct, frozen=True, kw_only=True):
    """One node of ARM's tree.

    `/subscriptions/S`, `/subscriptions/S/resourceGroups/G`, and below a provider a chain of
    (type, name) pairs. An extension resource has the id it extends as `parent`:
    `<vm id>/providers/Microsoft.SerialConsole/serialPorts/0`.
    """

    subscription: str | None = None
    group: str | None = None
    parent: ResourceId | None = None
    namespace: str | None = None
    chain: tuple[tuple[str, str], ...] = ()

    @property
    def type(self) -> str:
        """Full type name, for example `Microsoft.Compute/virtualMachines`."""
        if self.namespace:
            return "/".join([self.namespace, *(kind for kind, _ in self.chain)])
        if self.group:
            return "Microsoft.Resources/resourceGroups"
        if self.subscription:
            return "Microsoft.Resources/subscriptions"
        return "Microsoft.Resources/tenants"

    @property
    def name(self) -> str:
        if self.chain:
            return self.chain[-1][1]
        return self.group or self.subscription or ""

    @property
    def key(self) -> str:
        """Lower-cased id: equal keys mean the same resource."""
        return str(self).lower()

    def __str__(self) -> str:
        if self.parent is not None:
            head = str(self.parent)
        else:
            head = f"/subscriptions/{self.subscription}" if self.subscription else ""
            if self.group:
                head += f"/resourceGroups/{self.group}"
        if self.namespace:
            head += f"/providers/{self.namespace}"
            head += "".join(f"/{kind}/{name}" for kind, name in self.chain)
        return head or "/"

    def scopes(self) -> Iterator[str]:
        """Keys of every scope a role assignment on which would reach this id, widest first."""
        yield "/"
        if self.subscription:
            yield f"/subscriptions/{self.subscription}".lower()
        if self.group:
            yield f"/subscriptions/{self.subscription}/resourceGroups/{self.group}".lower()
        yield from self._resource_scopes()

    def _resource_scopes(self) -> Iterator[str]:
        if self.parent is not None:
            yield from self.parent._resource_scopes()
        for depth in range(1, len(self.chain) + 1):
            yield msgspec.structs.replace(self, chain=self.chain[:depth]).key

    def child(self, kind: str, name: str) -> ResourceId:
        return msgspec.structs.replace(self, chain=(*self.chain, (kind, name)))

    def extension(self, namespace: str, kind: str, name: str) -> ResourceId:
        return ResourceId(
            subscription=self.subscription,
            group=self.group,
            parent=self,
            namespace=namespace,
            chain=((kind, name),),
        )


def parse_id(text: str) -> ResourceId:
    """Parse a resource id; keywords match without case, names keep theirs.

    Raises Fault InvalidResourceId when the text is no complete id.
    """
    if len(text) > MAX_ID_LENGTH:
        raise Fault("InvalidResourceId", id=text[:80] + "...")
    segments = [segment for segment in text.split("/") if segment]
    if _ODD.search(text) is not None:
        # Some clients send a scale-set instance as ONE quoted segment; after unquoting it is two.
        segments = [piece for segment in segments for piece in unquote(segment).split("/")]
        if not all(_SEGMENT.fullmatch(segment) for segment in segments):
            raise Fault("InvalidResourceId", id=text)
    if "." in segments or ".." in segments or any(len(each) > MAX_SEGMENT for each in segments):
        raise Fault("InvalidResourceId", id=text)
    node = ResourceId()
    position = 0
    if position < len(segments) and segments[position].lower() == "subscriptions":
        node = ResourceId(subscription=_at(segments, position + 1, text))
        position += 2
        if position < len(segments) and segments[position].lower() == "resourcegroups":
            node = msgspec.structs.replace(node, group=_at(segments, position + 1, text))
            position += 2
    while position < len(segments):
        if segments[position].lower() != "providers":
            raise Fault("InvalidResourceId", id=text)
        namespace = _at(segments, position + 1, text)
        position += 2
        chain: list[tuple[str, str]] = []
        while position < len(segments) and segments[position].lower() != "providers":
            chain.append((segments[position], _at(segments, position + 1, text)))
            position += 2
        if not chain:
            raise Fault("InvalidResourceId", id=text)
        node = ResourceId(
            subscription=node.subscription,
            group=node.group,
            parent=node if node.namespace else None,
            namespace=namespace,
            chain=tuple(chain),
        )
    return node


def _at(segments: list[str], index: int, text: str) -> str:
    if index >= len(segments):
        raise Fault("InvalidResourceId", id=text)
    return segments[index]
