"""The decision that an export makes: by which rule, and where that comes from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from harness.comparison.contestant import Contestant
from harness.comparison.moved import moved
from harness.config.experiment import Evaluation
from harness.config.explain import explain
from harness.config.yaml_text import parse
from harness.errors import UserError
from harness.scoring.decision import RULES

OPTION = "--decision"
EXAMPLE = "argmax, or '{recall_floor: {CLASS: 0.95}}'"
Source = Literal[
    "as asked",
    "as recorded with the run",
    "as the comparison asks",
    "as validation picks",
    "as the strategy has it",
]
WORDS: dict[Source, str] = {
    "as asked": "{rule}, as asked",
    "as recorded with the run": "{rule}, as recorded with the run",
    "as the comparison asks": "the decision that the comparison asks for, {rule}",
    "as validation picks": "the decision rule that validation picks, {rule}",
    "as the strategy has it": "the strategy's own rule, {rule}",
}


@dataclass(frozen=True)
class Decision:
    """The name of a decision rule, where it comes from, and the evaluation that it belongs to."""

    rule: str
    source: Source
    evaluation: Evaluation

    @property
    def words(self) -> str:
        """The rule and its source, to follow "under"."""
        return WORDS[self.source].format(rule=self.rule.replace("_", " "))

    def as_document(self) -> dict[str, Any]:
        """Return rule, source, and the recalls or costs that are asked for, JSON-ready."""
        return {**self.evaluation.job, "rule": self.rule, "source": self.source}


def under(evaluation: Evaluation, text: str | None) -> Evaluation:
    """Return an evaluation with the decision that an option's text asks for, in YAML.

    Without a text it stays as it is; `null` asks for no decision. Costs in the decision stand for
    those of the evaluation. Raises UserError for what is no decision.
    """
    if text is None:
        return evaluation
    if not text.strip():
        raise UserError(f"{OPTION} is empty; write {EXAMPLE}")
    decision = parse(text, OPTION)
    raw = evaluation.model_dump(mode="json") | {"decision": decision}
    if isinstance(decision, Mapping) and "costs" in decision:
        raw["costs"] = None
    try:
        return Evaluation.model_validate(raw)
    except ValidationError as error:
        _, line = explain(Evaluation, raw, error.errors(include_url=False))
        raise UserError(f"{OPTION}: {line}") from error


def most_picked(side: Contestant) -> str:
    """Return the rule that most seeds have; of equals the simpler."""
    votes = Counter(side.rules.values())
    return max((*RULES, *sorted(votes.keys() - set(RULES))), key=lambda rule: votes[rule])


def picked(side: Contestant, metric: str) -> str:
    """Return the one rule that the validation of most seeds picks; of equals the simpler."""
    return most_picked(moved(side.trials, metric))
