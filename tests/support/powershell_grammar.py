"""PowerShell texts as a grammar of the language reads them: whether they are whole, and what they call."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))


def faults(text: str) -> list[str]:
    """Where the grammar finds something that is none of the language, or misses what has to be there."""
    return [
        f"line {node.start_point[0] + 1}: {node.type} at {_said(node)[:80]!r}"
        for node in _nodes(_PARSER.parse(text.encode()).root_node)
        if node.type == "ERROR" or node.is_missing
    ]


def commands(text: str) -> list[str]:
    """The names of commands that a text calls, in order."""
    nodes = _nodes(_PARSER.parse(text.encode()).root_node)
    return [_said(node) for node in nodes if node.type == "command_name"]


def defined(text: str) -> set[str]:
    """The names of functions that a text defines."""
    nodes = _nodes(_PARSER.parse(text.encode()).root_node)
    return {_said(node) for node in nodes if node.type == "function_name"}


def members(text: str) -> set[str]:
    """Types, methods and properties that a text reaches for."""
    nodes = _nodes(_PARSER.parse(text.encode()).root_node)
    return {_said(node) for node in nodes if node.type in ("type_name", "member_name")}


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for each in node.children:
        yield from _nodes(each)


def _said(node: Node) -> str:
    return (node.text or b"").decode()
