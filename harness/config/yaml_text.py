"""YAML 1.2 as people mean it: keys are text, and numbers remember how they were written.

`01`, `yes` and `1:10` mean nothing but themselves there; YAML 1.1 takes them for 1, true and 70.
"""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from harness.config.written import WrittenFloat, WrittenInt
from harness.errors import UserError

MAX_DEPTH = 50
MAX_DIGITS = 1000
PREFIX = "tag:yaml.org,2002:"
_CORE = {  # the core schema, https://yaml.org/spec/1.2.2/#103-core-schema, and 1_000 for 1000
    "null": re.compile(r"(?:null|Null|NULL|~|)$"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"(?:[-+]?[0-9]+(?:_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    "float": re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}
_OLD = re.compile(  # what older readers take for something else than text
    r"(?:y|n|yes|no|on|off|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?0b[01_]+|[-+]?[0-9][0-9_.]*_[0-9_.]*|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)$",
    re.IGNORECASE,
)


class _Resolver(VersionedResolver):
    """The core schema, whatever version of YAML a text says that it is in."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0]:
            found = (name for name, pattern in _CORE.items() if pattern.match(value))
            return Tag(suffix=PREFIX + next(found, "str"))
        return super().resolve(kind, value, (False, True))  # nothing but the default of its kind


class _CarefulResolver(_Resolver):
    """What a text must be quoted against to be text to every reader, those of YAML 1.1 as well."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0] and _OLD.match(value):
            return Tag(suffix=PREFIX + "int")
        return super().resolve(kind, value, implicit)


class _Representer(SafeRepresenter):
    """Plain data, and numbers as they were written."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, text: str) -> ScalarNode:
        """Write a text, with escapes if parts of it would not show."""
        style = None if text.isprintable() else '"'
        return self.represent_scalar(f"{PREFIX}str", text, style=style)

    def number(self, number: Any) -> ScalarNode:
        """Write a number as it was written, or as readers of YAML 1.1 know it: 1.0e-05."""
        kind = "float" if isinstance(number, float) else "int"
        text = getattr(number, "text", None)
        if text is None:
            node: ScalarNode = self.represent_float(number)
            text = re.sub(r"^([-+]?[0-9]+)e", r"\1.0e", node.value)
        return self.represent_scalar(f"{PREFIX}{kind}", text)


_Representer.add_representer(str, _Representer.text)
for _kind in (float, WrittenInt, WrittenFloat):
    _Representer.add_representer(_kind, _Representer.number)


def parse(text: str, where: str) -> object:
    """Return what the YAML `text` holds; a `UserError` names `where`, the line and the mistake.

    All keys are text. Numbers are `WrittenInt` and `WrittenFloat`.
    """
    loader = YAML(typ="safe", pure=True)
    loader.Resolver, loader.max_depth = _Resolver, MAX_DEPTH
    loader.composer.warn_double_anchors = False
    try:
        node = loader.compose(StringIO(text))
        return None if node is None else _Reading().value(node)
    except MaxDepthExceededError as error:
        raise UserError(f"{where}: not valid YAML: nested too deeply") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"{where}{place}: not valid YAML: {_one_line(problem)}") from error
    except (YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: not valid YAML: {_one_line(str(error))}") from error


class _Reading:
    """Plain data from the nodes of a document; a node with several references is read once."""

    def __init__(self) -> None:
        self._made: dict[Node, Any] = {}

    def value(self, node: Node) -> Any:
        """Return what a node stands for; one that holds itself is a value that holds itself."""
        if node in self._made:
            return self._made[node]
        if isinstance(node, MappingNode) and node.tag == f"{PREFIX}map":
            self._made[node] = mapping = dict[str, Any]()
            mapping.update(self._entries(node))
            return mapping
        if isinstance(node, SequenceNode) and node.tag == f"{PREFIX}seq":
            self._made[node] = sequence = list[Any]()
            sequence.extend(self.value(each) for each in node.value)
            return sequence
        return _scalar(node)

    def _entries(self, node: MappingNode) -> Iterator[tuple[str, Any]]:
        """Yield the entries of a mapping, after those of the mappings that `<<` names."""
        seen = set[str]()
        for key, each in node.value:
            if _merges(key):
                merged = each.value if isinstance(each, SequenceNode) else [each]
                for other in reversed(merged):
                    yield from _checked(self.value(other), other).items()
        for key, each in node.value:
            if not isinstance(key, ScalarNode):
                raise _problem("a key must be text, not a list or a mapping", key)
            if key.value in seen:
                raise _problem(f"the key {key.value!r} stands here twice", key)
            seen.add(_text(key))
            if not _merges(key):
                yield key.value, self.value(each)


def _merges(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.value == "<<" and not key.style


def _checked(value: object, node: Node) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _problem("<< takes the keys of a mapping, and this is none", node)
    return value


def _scalar(node: Node) -> Any:
    tag, text = str(node.tag).removeprefix(PREFIX), node.value
    if tag == "str":
        return _text(node)
    if tag not in _CORE or not isinstance(text, str) or not _CORE[tag].match(text):
        raise _problem(f"there is no value of the kind {node.tag!s} here", node)
    if len(text) > MAX_DIGITS:
        raise _problem(f"a number of {len(text):,} digits is too long", node)
    match tag:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return WrittenInt.of(text)
    return WrittenFloat.of(text)


def _text(node: Node) -> str:
    text: str = node.value
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _problem(f"{text!r} is no text in UTF-8", node) from error
    return text


def _problem(problem: str, node: Node) -> MarkedYAMLError:
    return MarkedYAMLError(None, None, problem, node.start_mark)


def dump(value: object) -> str:
    """Return `value` as a YAML document, keys in their own order."""
    return _written(value, flow=False, width=80)


def show(value: object, width: int = 60) -> str:
    """Return `value` as one short line of YAML, for messages."""
    try:
        text = _written(value, flow=True, width=10**9)
    except (YAMLError, RecursionError):
        text = repr(value)
    line = _one_line(text.removesuffix("...\n"))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _written(value: object, flow: bool, width: int) -> str:
    writer: Any = YAML(typ="safe", pure=True)
    writer.Resolver, writer.Representer = _CarefulResolver, _Representer
    writer.default_flow_style, writer.width, writer.allow_unicode = flow, width, True
    writer.sort_base_mapping_type_on_output = False
    writer.brace_single_entry_mapping_in_flow_sequence = True
    stream = StringIO()
    writer.dump(value, stream)
    return stream.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())
