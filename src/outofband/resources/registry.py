"""Every declared type, found by name without case, and the step that does each kind of operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Begin, Place, ResourceType, Step

_CLASSIC = "microsoft.classic"


class Registry:
    """Filled once at start; two types of one name, or two steps of one kind, are a mistake in the program."""

    def __init__(self, types: Iterable[ResourceType], free: Iterable[str] = ()) -> None:
        """`free`: namespaces that no subscription has to be registered for."""
        self._free = frozenset(namespace.lower() for namespace in free)
        self._types: dict[str, ResourceType] = {}
        self._steps: dict[str, tuple[ResourceType, Step]] = {}
        for declared in types:
            if declared.name.lower() in self._types:
                raise ValueError(f"{declared.name} is declared twice")
            self._types[declared.name.lower()] = declared
            for kind, step in _steps(declared):
                self._steps[kind] = (declared, step)
        self._namespaces = {each.namespace.lower(): each.namespace for each in self._types.values()}

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._types.values())

    @property
    def namespaces(self) -> list[str]:
        """In the spelling that is answered, in the order of their names."""
        return [self._namespaces[key] for key in sorted(self._namespaces)]

    def namespace(self, name: str) -> str | None:
        """A namespace in the spelling that is answered."""
        return self._namespaces.get(name.lower())

    def is_free(self, namespace: str) -> bool:
        return namespace.lower() in self._free

    def tracked(self) -> list[ResourceType]:
        """Types whose resources lie in a group and are listed there and in the subscription."""
        lists = frozenset({Place.SUBSCRIPTION, Place.GROUP})
        return [each for each in self if each.places == frozenset({Place.GROUP}) and lists <= each.lists]

    def find(self, name: str) -> ResourceType | None:
        return self._types.get(name.lower())

    def require(self, name: str) -> ResourceType:
        """Raises Fault ClassicDeploymentModel, InvalidResourceNamespace or InvalidResourceType."""
        found = self.find(name)
        if found is not None:
            return found
        namespace, _, kinds = name.partition("/")
        if namespace.lower() not in self._namespaces:
            refuse_classic(name)
            raise Fault("InvalidResourceNamespace", namespace=namespace)
        raise Fault("InvalidResourceType", type=kinds, namespace=namespace)

    def step(self, kind: str) -> tuple[ResourceType, Step] | None:
        """The type and the work of an operation of this kind; None when no type of today has it."""
        return self._steps.get(kind)

    def spell(self, rid: ResourceId) -> ResourceId:
        """The id with namespace and types as they are declared: clients compare those with case."""
        if rid.parent is not None:
            rid = msgspec.structs.replace(rid, parent=self.spell(rid.parent))
        found = self.find(rid.type) if rid.chain else None
        if found is None:
            return rid
        namespace, *kinds = found.name.split("/")
        chain = tuple((kind, name) for kind, (_, name) in zip(kinds, rid.chain, strict=True))
        return msgspec.structs.replace(rid, namespace=namespace, chain=chain)


def _steps(declared: ResourceType) -> Iterable[tuple[str, Step]]:
    if declared.put is not None and declared.put.step is not None:
        yield declared.right("write"), declared.put.step
    if declared.delete is not None and declared.delete.step is not None:
        yield declared.right("delete"), declared.delete.step
    for name, action in declared.actions.items():
        if isinstance(action, Begin):
            yield f"{declared.name}/{name}/action", action.step


def place_of(rid: ResourceId) -> Place:
    """What a single resource hangs on."""
    if rid.parent is not None:
        return Place.RESOURCE
    if rid.chain and rid.group:
        return Place.GROUP
    if rid.subscription and (rid.chain or rid.group):
        return Place.SUBSCRIPTION
    return Place.TENANT


def node_of(rid: ResourceId) -> Place:
    """What kind of node a list hangs on."""
    if rid.chain:
        return Place.RESOURCE
    if rid.group:
        return Place.GROUP
    return Place.SUBSCRIPTION if rid.subscription else Place.TENANT


def refuse_classic(name: str) -> None:
    """Raises Fault ClassicDeploymentModel for a type of Azure's first deployment model: who has such an
    id is to hear more than that its namespace is unknown.
    """
    if name.lower().startswith(_CLASSIC):
        raise Fault("ClassicDeploymentModel", type=name)
