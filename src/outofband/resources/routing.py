"""From a path to what it means: a resource, a list of a type under a node, or an action on a resource.

Resource Manager's addresses alternate: after a provider's namespace come pairs of type and name. A path that
ends on a type asks for a list; one that ends on a single word after a resource names a child list, a view or
an action, which only the declared types can tell apart.
"""

from __future__ import annotations

import re

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import MAX_ID_LENGTH, ResourceId, parse_id

MAX_PATH = 2 * MAX_ID_LENGTH
"""Characters of a quoted path."""
_WORD = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,79}$")
_ROOT_NAMESPACE = "Microsoft.Resources"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    rid: ResourceId
    """The resource; for a list the node it hangs on."""
    collection: str | None = None
    """Full type name of the list the path may ask for, in the caller's spelling."""
    tail: str | None = None
    """The last word, when it may be a view or an action of `rid`."""


def route(path: str) -> Route:
    """Take a quoted path apart. Raises Fault InvalidResourceId."""
    if len(path) > MAX_PATH:
        raise Fault("InvalidResourceId", id=path[:80] + "...")
    # Some clients send a scale-set instance as ONE quoted segment, so what is quoted counts as a slash.
    segments = [piece for piece in path.replace("%2F", "/").replace("%2f", "/").split("/") if piece]
    position = _head(segments)
    while position < len(segments):
        if segments[position].lower() != "providers":
            return _last_word(path, segments, position, f"{_ROOT_NAMESPACE}/{segments[position]}")
        if position + 1 == len(segments):
            return _last_word(path, segments, position, f"{_ROOT_NAMESPACE}/providers")
        if position + 2 == len(segments):
            provider = ResourceId(namespace=_ROOT_NAMESPACE, chain=(("providers", segments[position + 1]),))
            scope = parse_id("/".join(segments[:position]))
            return Route(rid=_under(scope, provider))
        namespace, start = segments[position + 1], position
        position, pairs = position + 2, 0
        while position < len(segments) and segments[position].lower() != "providers":
            if position + 1 == len(segments):
                kinds = [*segments[start + 2 : position : 2], segments[position]]
                head = segments[:start] if pairs == 0 else segments[:position]
                tail = segments[position] if pairs else None
                node = parse_id("/".join(head))
                _check(segments[position], path)
                return Route(rid=node, collection="/".join([namespace, *kinds]), tail=tail)
            position, pairs = position + 2, pairs + 1
    return Route(rid=parse_id("/".join(segments)))


def on_provider(found: Route) -> Route | None:
    """The same path as an action or a view of a provider, `/providers/<namespace>/<word>`; else None.

    Read it could be the list of a type, so the method has to tell them apart.
    """
    namespace, _, word = (found.collection or "").partition("/")
    if found.tail is not None or not word or "/" in word or found.rid.group or found.rid.namespace:
        return None
    provider = ResourceId(namespace=_ROOT_NAMESPACE, chain=(("providers", namespace),))
    return Route(rid=_under(found.rid, provider), collection=found.collection, tail=word)


def _head(segments: list[str]) -> int:
    """How many segments name the subscription and the group."""
    if len(segments) < 2 or segments[0].lower() != "subscriptions":
        return 0
    if len(segments) < 4 or segments[2].lower() != "resourcegroups":
        return 2
    return 4


def _last_word(path: str, segments: list[str], position: int, collection: str) -> Route:
    if position + 1 != len(segments):
        raise Fault("InvalidResourceId", id=path)
    _check(segments[position], path)
    return Route(rid=parse_id("/".join(segments[:position])), collection=collection, tail=segments[position])


def _check(word: str, path: str) -> None:
    if not _WORD.fullmatch(word):
        raise Fault("InvalidResourceId", id=path)


def _under(scope: ResourceId, provider: ResourceId) -> ResourceId:
    return msgspec.structs.replace(
        provider,
        subscription=scope.subscription,
        group=scope.group,
        parent=scope if scope.namespace else None,
    )
