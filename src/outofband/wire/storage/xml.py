"""The little XML that the Blob service needs: written as text, read by a parser that refuses every
document type, and with it entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from xml.parsers import expat

import msgspec

from outofband.core.errors import Fault

HEAD = '<?xml version="1.0" encoding="utf-8"?>'
MAX_DEPTH = 8
MAX_ELEMENTS = 200_000
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Node(msgspec.Struct, kw_only=True):
    """An element that was read: its own text, stripped, and its children."""

    name: str
    text: str = ""
    children: list[Node] = []

    def child(self, name: str) -> Node | None:
        return next((each for each in self.children if each.name == name), None)

    def value(self, name: str) -> str:
        """The text of a child; empty when there is none."""
        found = self.child(name)
        return found.text if found is not None else ""


def element(name: str, text: str | int | None) -> str:
    """An element with text in it; an empty one for None or nothing."""
    if text is None or text == "":
        return f"<{name} />"
    return f"<{name}>{_escaped(str(text))}</{name}>"


def parent(name: str, children: Iterable[str], attributes: str = "") -> str:
    inner = "".join(children)
    return f"<{name}{attributes}>{inner}</{name}>" if inner else f"<{name}{attributes} />"


def attribute(name: str, value: str) -> str:
    return f' {name}="{escape(_UNWRITABLE.sub("?", value), quote=True)}"'


def writable(text: str) -> bool:
    """Whether XML can hold the text: most control characters it cannot."""
    return _UNWRITABLE.search(text) is None


def document(name: str, children: Iterable[str], attributes: str = "") -> bytes:
    return (HEAD + parent(name, children, attributes)).encode("utf-8", "replace")


def read(body: bytes) -> Node:
    """The root element. Raises Fault InvalidXmlDocument."""
    root = Node(name="")
    open_nodes, count = [root], 0
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(open_nodes) > MAX_DEPTH or count > MAX_ELEMENTS:
            raise Fault("InvalidXmlDocument", detail="too many or too deep elements")
        node = Node(name=name.rpartition(":")[2], children=[])
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(name: str) -> None:
        node = open_nodes.pop()
        node.text = node.text.strip()

    def text(data: str) -> None:
        open_nodes[-1].text += data

    def doctype(*_: object) -> None:
        raise Fault("InvalidXmlDocument", detail="a document type is not allowed")

    root.children = []
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    # LookupError: an encoding that nobody knows.
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Fault("InvalidXmlDocument", detail=str(error)) from error
    return root.children[0]


def _escaped(text: str) -> str:
    return escape(_UNWRITABLE.sub("?", text), quote=False)
