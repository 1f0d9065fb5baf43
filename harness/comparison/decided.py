"""What one recorded trial scores under the decision that the job asks for."""

from dataclasses import dataclass

from harness.comparison.contestant import positive_class
from harness.comparison.records import RecordedTrial
from harness.comparison.remarks import of_decision
from harness.config.experiment import Evaluation
from harness.data.split import Splits
from harness.scoring.job import Job
from harness.scoring.metrics import OF_JOBS, kind, score
from harness.tracking.store import Store
from harness.trial.result import flat


@dataclass(frozen=True)
class Decided:
    """The test scores by the names of a record's metrics, and what their reader should know."""

    metrics: dict[str, float]
    remarks: list[str]


def decided(run_id: str, evaluation: Evaluation, job: Job, splits: Splits) -> Decided:
    """Return what a recorded trial scores as an evaluation asks, beyond what its record holds."""
    metrics = [evaluation.metric, *(["expected_cost"] if evaluation.error_costs else [])]
    metrics = [each for each in metrics if kind(each) in OF_JOBS or each != kind(each)]
    if not metrics and not job.moves_thresholds:
        return Decided({}, [])
    store = Store.anywhere()
    trial = RecordedTrial(store, store.run(run_id), evaluation)
    found, names = trial.predictions, trial.predictions.class_names
    prefix = "test" if trial.rule == trial.own_rule else f"test_{trial.rule}"
    numbers = {}
    if job.moves_thresholds:
        logits = found.test(trial.rule)
        scores = score(
            found.test_labels, logits.label, logits.probability, positive_class(trial), names
        )
        numbers = flat(prefix, scores, names)
    for metric in metrics:
        numbers[f"{prefix}/{metric}"] = found.test_score(
            trial.rule, metric, positive_class(trial), trial.costs
        )
    return Decided(numbers, of_decision({trial.strategy: {trial.seed: trial}}, job, splits))
