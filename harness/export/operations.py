"""What the functions of a SavedModel do, looked at before any of them is loaded.

A SavedModel is a graph, but of any operation that TensorFlow has, and some read and write files. An
exported model computes, reads its variables and calls functions; what does more is refused.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError, first_few

VARIABLES = {"VarHandleOp", "ReadVariableOp", "AssignVariableOp"}
CALLS = {"Assert", "StatefulPartitionedCall", "StatelessIf", "StatelessWhile", "If", "While"}
REACHING_OUT = {
    "ReadFile",
    "MatchingFiles",
    "PyFuncStateless",
    "RestoreV2",
    "Restore",
}
GRAPH = "saved_model.pb"


def refuse_what_does_more_than_compute(folder: Path) -> None:
    """Raise UserError if a SavedModel has operations that reach out of it, or run when it loads.

    The functions that save and restore its variables are left aside: nothing that is loaded may
    call them.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel.FromString((folder / GRAPH).read_bytes())
    for graph in model.meta_graphs:
        bodies = {each.signature.name: each for each in graph.graph_def.library.function}
        loaded = _reachable(graph.object_graph_def.concrete_functions, bodies)
        operations = {node.op for name in loaded for node in bodies[name].node_def}
        if strange := sorted(operation for operation in operations if not _computes(operation)):
            raise UserError(f"{folder} holds operations that are not run: {first_few(strange)}")
        kinds = {node.WhichOneof("kind") for node in graph.object_graph_def.nodes}
        if kinds & {"resource", "asset"}:
            raise UserError(f"{folder} holds what runs as it loads, or files; export again")


def _computes(operation: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    if operation in VARIABLES | CALLS:
        return True
    known = op_def_registry.get(operation)
    stateless = known is not None and not known.is_stateful
    return stateless and operation not in REACHING_OUT


def _reachable(names: Iterable[str], bodies: dict[str, Any]) -> set[str]:
    """Return the functions that these call, and those that they call, with themselves."""
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name in bodies and name not in found:
            found.add(name)
            waiting += _called(bodies[name])
    return found


def _called(body: Any) -> Iterator[str]:
    for node in body.node_def:
        yield node.op  # a function may be called by its name
        for attribute in node.attr.values():
            if attribute.HasField("func"):
                yield attribute.func.name
            yield from (each.name for each in attribute.list.func)
