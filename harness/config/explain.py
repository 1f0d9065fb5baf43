"""One line for the first thing that is wrong in a configuration: key, value, what is allowed."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from harness.config.yaml_text import show
from harness.errors import unknown

Steps = tuple[str | int, ...]
Schema = Mapping[str, Any]
_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_WRONG_KIND = ("union_tag_invalid", "union_tag_not_found")
_BOUNDS = {
    "minLength": "of length at least",
    "maxLength": "of length at most",
    "exclusiveMinimum": "more than",
    "minimum": "at least",
    "exclusiveMaximum": "less than",
    "maximum": "at most",
}
_PLAIN = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def explain(
    model: type[BaseModel], raw: Mapping[str, object], errors: Sequence[ErrorDetails]
) -> tuple[Steps, str]:
    """Return where the most telling of pydantic's `errors` about `raw` is, and one line on it."""
    root = _schema(model)
    steps, error = _most_telling([(_steps(root, raw, error), error) for error in errors])
    section, key = steps[:-1], dotted(steps)
    value = _value(raw, steps) if error["type"] in _WRONG_KIND else error["input"]
    if error["type"] in _UNKNOWN_KEY:
        known = _keys(root, _at(root, raw, section))
        return steps, unknown(_kind_of_key(root, raw, section), str(steps[-1]), known)
    schema = _at(root, raw, steps)
    allowed = _describe(root, schema)
    if error["type"] == "missing":
        return steps, f"{key} is missing; give {allowed}"
    if error["type"] in ("value_error", "assertion_error"):
        return steps, f"{key} is {show(value)}: {error['msg'].removeprefix('Value error, ')}"
    if options := _options(schema):
        if isinstance(value, str) and all(isinstance(option, str) for option in options):
            return steps, unknown(key, value, options)
    elif isinstance(value, float) and not math.isfinite(value):
        allowed = allowed.replace("a number", "a finite number")
    return steps, f"{key} is {show(value)}; allowed: {allowed}"


@cache
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def dotted(steps: Steps) -> str:
    """Return the key as it is written on the command line: `train.epochs`, `data.classes[1]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _most_telling(found: list[tuple[Steps, ErrorDetails]]) -> tuple[Steps, ErrorDetails]:
    for steps, error in found:
        if error["type"] in _UNKNOWN_KEY:
            return steps, error
    field = found[0][0][:2]
    here = [one for one in found if one[0][:2] == field]
    return max(here, key=lambda one: (one[1]["type"] == "value_error", len(one[0])))


def _steps(root: Schema, raw: object, error: ErrorDetails) -> Steps:
    """Drop from pydantic's location what is no key of the user's: names of union members."""
    if error["type"] in _WRONG_KIND:
        section = _steps(root, raw, {**error, "type": "section"})
        return (*section, _at(root, raw, section, untagged=True)["discriminator"]["propertyName"])
    steps: list[str | int] = []
    node = raw
    tag: object = None
    for part in error["loc"]:
        if tag is not None and part == tag:
            tag = None
        elif _holds(node, part):
            steps.append(part)
            node = node[part]  # type: ignore[index]
            tag = _tag(_at(root, raw, tuple(steps), untagged=True), node)
        elif error["type"] == "missing" and part == error["loc"][-1]:
            steps.append(part)
    return tuple(steps)


def _holds(node: object, part: str | int) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)


def _value(raw: object, steps: Steps) -> object:
    node: Any = raw
    for step in steps:
        node = node[step] if _holds(node, step) else None
    return node


def _tag(schema: Schema, node: object) -> object:
    if "discriminator" in schema and isinstance(node, Mapping):
        return node.get(schema["discriminator"]["propertyName"])
    return None


def _at(root: Schema, raw: object, steps: Steps, *, untagged: bool = False) -> Schema:
    """Return the schema of the value at `steps`, following the kind of section that `raw` names."""
    schema, node = root, raw
    for step in steps:
        schema = _below(root, _tagged(root, schema, node), step)
        node = node[step] if _holds(node, step) else None  # type: ignore[index]
    return schema if untagged else _tagged(root, schema, node)


def _tagged(root: Schema, schema: Schema, node: object) -> Schema:
    tag = _tag(schema, node)
    if not isinstance(tag, str) or tag not in schema["discriminator"]["mapping"]:
        return schema
    return _resolved(root, {"$ref": schema["discriminator"]["mapping"][tag]})


def _below(root: Schema, schema: Schema, step: str | int) -> Schema:
    if "discriminator" in schema:
        tag = schema["discriminator"]
        return {"enum": list(tag["mapping"])} if step == tag["propertyName"] else {}
    for member in schema.get("anyOf", [schema]):
        inner = _resolved(root, member)
        if step in inner.get("properties", {}):
            return _resolved(root, inner["properties"][step])
        below = inner.get("items" if isinstance(step, int) else "additionalProperties")
        below = below or inner.get("additionalProperties")
        if isinstance(below, Mapping):
            return _resolved(root, below)
    return {}


def _resolved(root: Schema, schema: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema


def _keys(root: Schema, schema: Schema) -> list[str]:
    """Return the keys of a section, or of any section that may stand there."""
    members = (_resolved(root, member) for member in schema.get("anyOf", [schema]))
    return [key for member in members for key in member.get("properties", {})]


def _kind_of_key(root: Schema, raw: object, section: Steps) -> str:
    if not section:
        return "key"
    schema = _at(root, raw, section, untagged=True)
    tag = _tag(schema, _value(raw, section))
    name = schema["discriminator"]["propertyName"] if "discriminator" in schema else ""
    return f"key in {dotted(section)}" + (f" ({name}: {show(tag)})" if name else "")


def _options(schema: Schema) -> list[Any]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _describe(root: Schema, schema: Schema) -> str:
    schema = _resolved(root, schema)
    if members := schema.get("anyOf") or schema.get("oneOf"):
        return ", or ".join(_describe(root, member) for member in members)
    if options := _options(schema):
        return " or ".join(show(option) for option in options)
    kind = schema.get("type")
    if kind == "array":
        fewest = schema.get("minItems")
        exactly = "" if fewest == schema.get("maxItems") else "at least "
        size = f" of {exactly}{fewest}" if fewest else ""
        return f"a list{size}, each {_describe(root, schema.get('items', {}))}"
    if kind == "object":
        return _describe_mapping(root, schema)
    bounds = [f"{word} {schema[bound]}" for bound, word in _BOUNDS.items() if bound in schema]
    return " ".join([_PLAIN.get(str(kind), "another value"), " and ".join(bounds)]).strip()


def _describe_mapping(root: Schema, schema: Schema) -> str:
    if "properties" in schema:
        return f"a section with the keys {', '.join(schema['properties'])}"
    values = schema.get("additionalProperties")
    if not isinstance(values, Mapping):
        return "a mapping"
    return f"a mapping, each value {_describe(root, values)}"
