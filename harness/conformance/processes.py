"""Another process makes the same plan."""

import inspect
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness.conformance.effect import effect, first_difference
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Subject, plan_of

PATIENCE = 300


def _agree(subject: Subject) -> None:
    # In another order, so that what a plan owes to an earlier one shows.
    planned = subject.planned()[::-1]
    request = {
        "module": subject.kind.__module__,
        "file": inspect.getsourcefile(subject.kind),
        "class": subject.kind.__qualname__,
        "cases": [
            {"case": each.case.name, "parameters": each.strategy.model_dump(mode="json")}
            for each in planned
        ],
    }
    answers = _elsewhere(request)
    for each, there in zip(planned, answers, strict=True):
        here = effect(plan_of(each.strategy, each.case.base()), losses=False)
        part = first_difference(here, there)
        if part is not None:
            raise Broken(
                f"{part} is another one in a second process ({each.case.name}); keep nothing from "
                "one call to the next, go through sets in sorted order, and use no hash(), id(), "
                "clock, process number or directory"
            )


def _elsewhere(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the plans in a second process, from another directory, where texts hash otherwise."""
    with tempfile.TemporaryDirectory(prefix="harness-check-") as directory:
        here = os.environ.get("PYTHONHASHSEED")
        environment = os.environ | {
            "PYTHONHASHSEED": "2" if here == "1" else "1",
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "HARNESS_CACHE": directory,
        }
        done = subprocess.run(
            [sys.executable, "-m", "harness.conformance.elsewhere"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            env=environment,
            cwd=directory,
            timeout=PATIENCE,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Broken(
            f"plan() fails in a second process: {last}; let it depend on nothing but the base, the "
            "parameters and rng, and let its module be importable"
        )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


PROCESSES = Law(
    "two processes agree",
    "trials run in several processes and machines",
    _agree,
)
