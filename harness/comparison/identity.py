"""What tells a comparison from every other one: a digest, and from it the names of its pages."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.comparison.setup import Effort, Setup
from harness.errors import UserError
from harness.execution.task import Candidate
from harness.tracking.names import metric_names
from harness.tracking.place import reports_folder
from harness.trial.trial import Trial

SHOWN_DIGITS = 8
LONGEST_LIST = 60


@dataclass(frozen=True)
class Identity:
    """A comparison's digest, 32 hexadecimal digits, and what its run is called.

    `family` is a digest over what verdicts have in common that are corrected for each other;
    `members` tells its strategies, with their parameters, from others of the family.
    """

    digest: str
    name: str
    family: str
    members: tuple[str, ...]


def identify(setup: Setup, first: Trial, effort: Effort | None) -> Identity:
    """Return what a comparison is known by; `first` is its baseline's trial of seed 0.

    All that decides what it shows counts, but neither the number of seeds, as more of them extend
    it, nor the order of its strategies.
    """
    evaluation = setup.experiment.evaluation
    strategies = {each.name: [each.spec, _parameters(each)] for each in setup.candidates}
    common = {
        "experiment": setup.experiment.name,
        "conditions": first.conditions,
        "data": first.splits.digest,
        "baseline": [setup.baseline, *strategies[setup.baseline]],
        "metric": evaluation.metric,
        "effort": effort and _searched(effort),
    } | ({"job": evaluation.job} if evaluation.job else {})
    asked = {"margin": evaluation.margin, "generalise": evaluation.generalise}
    members = {name: _digest([name, *each])[:SHOWN_DIGITS] for name, each in strategies.items()}
    del members[setup.baseline]
    return Identity(
        digest=_digest(common | asked | {"strategies": strategies}),
        name=title(setup.experiment.name, [*strategies], evaluation.metric, len(setup.seeds)),
        family=_digest(common),
        members=tuple(members.values()),
    )


def title(experiment: str, strategies: Sequence[str], metric: str, seeds: int) -> str:
    """Return what a comparison's run is called."""
    names = ", ".join(strategies)
    listed = names if len(names) <= LONGEST_LIST else f"{names[: LONGEST_LIST - 1]}…"
    return f"{experiment}: {listed} ({metric}, {seeds} seed{'' if seeds == 1 else 's'})"


def page_name(experiment: str, digest: str) -> str:
    """Return what the file of a comparison's page is called: no two of them share a name."""
    return f"{metric_names([experiment])[0]}-{digest[:SHOWN_DIGITS]}.html"


def page_of(experiment: str, digest: str) -> Path:
    """Return where the page of a comparison is written."""
    return reports_folder() / page_name(experiment, digest)


def ranks_page_of(digests: Iterable[str]) -> Path:
    """Return where the page about a set of comparisons is written."""
    return reports_folder() / f"ranks-{_digest(sorted(digests))[:SHOWN_DIGITS]}.html"


def _parameters(candidate: Candidate) -> dict[str, Any]:
    """Return all parameters, or those that are given where tuning is to find the others."""
    try:
        return candidate.stack().parameters
    except UserError:
        return candidate.parameters


def _digest(facts: object) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _searched(effort: Effort) -> dict[str, Any]:
    """Return what a search may cost, wherever its studies live."""
    return {key: value for key, value in asdict(effort).items() if key != "storage"}
