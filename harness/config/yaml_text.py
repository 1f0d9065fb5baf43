"""YAML as people mean it: `1e-3` is a number, and a key that stands twice is a mistake."""

import re
from typing import Any

import yaml

from harness.errors import UserError

_EXPONENT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$")


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"the key {key.value!r} stands here twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return node


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def parse(text: str, where: str) -> object:
    """Return what the YAML `text` holds; a `UserError` names `where`, the line and the mistake."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: builds plain data only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"{where}{place}: not valid YAML: {_one_line(problem)}") from error
    except RecursionError as error:
        raise UserError(f"{where}: not valid YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: not valid YAML: {_one_line(str(error))}") from error


def dump(value: object) -> str:
    """Return `value` as a YAML document, keys in their own order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def show(value: object, width: int = 60) -> str:
    """Return `value` as one short line of YAML, for messages."""
    try:
        text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True)
    except yaml.YAMLError:
        text = repr(value)
    line = _one_line(text.removesuffix("...\n"))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _one_line(text: str) -> str:
    return " ".join(text.split())
