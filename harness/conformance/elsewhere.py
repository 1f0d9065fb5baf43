"""The second process: reads from standard input what to plan, writes what the plans do."""

import contextlib
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from harness.conformance.cases import CASES
from harness.conformance.effect import effect
from harness.conformance.subject import plan_of
from harness.strategy.base import build
from harness.strategy.local_code import PREFIX, alone, load


def main() -> None:
    """Answer one request, as `processes` makes it."""
    request = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        answers = [_answer(request, each) for each in request["cases"]]
    json.dump(answers, sys.stdout)


def _answer(request: dict[str, Any], each: dict[str, Any]) -> dict[str, Any]:
    kind = _module(request["module"], request["file"])
    for name in request["class"].split("."):
        kind = getattr(kind, name)
    strategy = build(request["class"], kind, each["parameters"])
    case = next(case for case in CASES if case.name == each["case"])
    return dict(effect(plan_of(strategy, case.base()), losses=False))


def _module(name: str, file: str) -> Any:
    """Import a module by its name, or from its file if it was loaded from there."""
    if name in sys.modules and name != "__main__":
        return sys.modules[name]
    if name.startswith(PREFIX):
        return load(alone(Path(file)))
    with contextlib.suppress(ImportError):
        if name != "__main__":
            return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name.strip("_"), file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module {name} at {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
