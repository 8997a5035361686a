"""The form in which a provider declares its types. Data and hooks only; nothing in here does anything."""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.exchange import Answer, Call
from outofband.resources.job import Done, Job
from outofband.store.tx import Tx

ANY_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.()-]{0,259}$")


class Place(enum.Enum):
    """What a resource or a list of them hangs on."""

    TENANT = "tenant"
    SUBSCRIPTION = "subscription"
    GROUP = "group"
    RESOURCE = "resource"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as a source gives it: `body` is what is answered, `row` what it was made from."""

    rid: ResourceId
    body: dict[str, Any]
    etag: str | None = None
    row: Any = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`after` goes into the next link; None on the last page."""

    items: list[Item]
    after: str | None = None


class Source(Protocol):
    """How resources of a type are read. Both methods see one snapshot of the store."""

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        """None when it is not there; a Fault where something more exact can be said."""

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        """A page of what hangs on `call.rid`, at any depth, in a stable order."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A PUT or PATCH body, taken apart. `properties` is the declared struct; `raw` the object as it came.

    `location` and `tags` are None when the body has none.
    """

    location: str | None
    tags: dict[str, str] | None
    properties: Any
    raw: dict[str, Any]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a write did within its unit. `work` begins an operation with that input; None: all is done."""

    item: Item
    created: bool = False
    work: Any = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """A query parameter that the hooks read by themselves, for the API's description."""

    name: str
    about: str
    flag: bool = False
    """It is `true` or `false`."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """The work of an operation. `run` may be run twice and must then come to the same end.

    `failed` is called within the unit that ends the operation as failed.
    """

    run: Callable[[Job], Awaitable[Done]]
    failed: Callable[[Job, Tx, Fault], Awaitable[None]] | None = None


@dataclass(frozen=True, kw_only=True)
class Put:
    """`plan` checks and writes within one unit, given what is there now; `step` does the rest, if any."""

    plan: Callable[[Call, Tx, Draft, Item | None], Awaitable[Written]]
    properties: type[msgspec.Struct] | None = None
    step: Step | None = None
    created_status: int = 201
    updated_status: int = 200
    example: Mapping[str, Any] = field(default_factory=dict)
    """A body that works, for the API's description."""


@dataclass(frozen=True, kw_only=True)
class Patch:
    plan: Callable[[Call, Tx, Draft, Item], Awaitable[Written]]
    properties: type[msgspec.Struct] | None = None
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Delete:
    """`plan` removes the resource, or with a `step` gives the input of the operation that does."""

    plan: Callable[[Call, Tx, Item], Awaitable[Any]]
    step: Step | None = None
    status: int = 200
    """Of what `plan` removed by itself: 200 with what it was, or 204 where clients want that."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """An action that is answered at once. `run` holds no unit of work, so it may wait for a host."""

    run: Callable[[Call, Item, Any], Awaitable[Answer]]
    about: str
    """One sentence, without a full stop, that begins with a verb; so for all that have it."""
    body: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    """The form of what `run` answers, for the API's description."""
    permission: str | None = None
    """The whole RBAC action, where it is not `<type>/<name>/action`; `{name}` in it is the resource's."""
    also: tuple[str, ...] = ()
    """Further whole RBAC actions, each of which suffices as well: narrower ones than `permission`."""
    options: tuple[Option, ...] = ()
    noted: Callable[[Any], Mapping[str, Any]] | None = None
    """What the activity log tells of a body before the effect, whatever becomes of it; never a secret."""
    again_seconds: float = 0.0
    """A caller who does the same again within so many seconds leaves no further row in the activity log: for
    what pages ask for over and over.
    """


@dataclass(frozen=True, kw_only=True)
class Begin:
    """An action that begins an operation. `plan` checks within the accepting unit and gives the input."""

    plan: Callable[[Call, Tx, Item, Any], Awaitable[Any]]
    step: Step
    about: str
    body: type[msgspec.Struct] | None = None
    permission: str | None = None
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, kw_only=True)
class View:
    """A part that is read under the resource's address: `GET <id>/<name>`."""

    render: Callable[[Call, Tx, Item], Awaitable[Any]]
    about: str


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """Everything the kernel has to know of a type."""

    name: str
    """`Microsoft.Compute/virtualMachines`, in the spelling that is answered."""
    about: str
    """What one of them is, as a noun with its article: `a serial port of a VM`."""
    many: str
    """Several of them: `serial ports`."""
    since: str
    """First api-version, `YYYY-MM-DD`."""
    source: Source
    places: frozenset[Place]
    """What a single one may hang on."""
    lists: frozenset[Place] = frozenset()
    """What it may be listed under."""
    permission: str | None = None
    """Prefix of its RBAC actions where it is not `name`."""
    names: re.Pattern[str] = ANY_NAME
    put: Put | None = None
    patch: Patch | None = None
    delete: Delete | None = None
    actions: Mapping[str, Act | Begin] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    rights: Mapping[str, str] = field(default_factory=dict)
    """RBAC actions of it that are no address to call, each with a sentence as of an action."""
    open_list: bool = False
    """Anyone of the tenant may ask for the list; the source itself gives only what the caller may know of."""
    bare: bool = False
    """Its list is a plain array, as Azure has it for the lists of images."""
    each_right: Callable[[Item], str] | None = None
    """For a list of many types: the action that lets a caller see the one item."""
    lockable: bool = True
    """Locks hold for it; not for locks themselves."""
    urgent: frozenset[str] = frozenset()
    """Methods that are never refused for being too many, about one of them or something of one: these are the
    steps that lead a person in trouble to a console.
    """
    apart: bool = False
    """Its resources are kept elsewhere than in the resource table; its source lists them by key."""
    also_read: tuple[str, ...] = ()
    """Actions that include reading it: allowed on what it hangs on, or on anything in there, they suffice."""
    version: str = ""
    """The api-version whose shapes are followed, for the API's description; empty: the first."""
    extends: str = ""
    """The one type its resources hang on, where they cannot hang on any."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Kinds in `name` of which there is only one, and its name."""
    options: tuple[Option, ...] = ()
    """Of a GET, single and list."""
    filters: str = ""
    """What a `$filter` of the list may say; empty: there is none."""

    @property
    def namespace(self) -> str:
        return self.name.split("/", 1)[0]

    def right(self, verb: str) -> str:
        """RBAC action for `read`, `write` or `delete`."""
        return f"{self.permission or self.name}/{verb}"

    def action_right(self, name: str, resource: str = "{name}") -> str:
        """RBAC action for one of `actions`; `resource` is the name of what it is done to."""
        given = self.actions[name].permission or f"{self.permission or self.name}/{name}/action"
        return given.replace("{name}", resource)
