"""Reading the record: trials as a table, and the predictions of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.held_out import HeldOut, Logits
from harness.config.experiment import Evaluation
from harness.errors import DamagedRecord
from harness.packing.pack import is_pack, open_pack
from harness.scoring.costs import cost_matrix
from harness.scoring.decision import RULES, FittedRule, fit
from harness.scoring.job import Job
from harness.scoring.label_metrics import LABEL_BASED
from harness.scoring.metrics import FROM_LABELS, higher_is_better, one
from harness.tracking.experiments import experiment_names
from harness.tracking.run import RecordedRun
from harness.tracking.source import FINISHED_TRIALS, Source
from harness.tracking.store import Store
from harness.trial.stored import read_file, read_plan, read_predictions

if TYPE_CHECKING:
    import pandas

SELECT_BY = "train.select_by"
SELECTED, TUNED = "balanced_accuracy", "tuned_threshold"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits before any decision rule, float32 `[n, C]`, labels `[n]` and the tested inputs' ids.

    `rules` are the decision rules as they were fitted on validation, by name, a threshold for the
    metric `tuned_for`; `test_groups [n]` are numbered alike in all trials on the same data (None:
    there are no groups, or an older record).
    """

    class_names: tuple[str, ...]
    validation_logits: NDArray[np.float32]
    validation_labels: NDArray[np.int64]
    test_logits: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    test_ids: NDArray[np.uint64]
    rules: dict[str, FittedRule]
    test_groups: NDArray[np.int64] | None = None
    tuned_for: str = "balanced_accuracy"

    @property
    def held_out(self) -> HeldOut:
        """The test examples, as the bootstrap draws them."""
        return HeldOut(self.test_labels, self.test_ids, self.test_groups)

    def test(self, rule: str) -> Logits:
        """Return the test logits under a decision rule."""
        return Logits(*self.rules[rule].apply(self.test_logits))

    def validation_score(
        self, rule: str, metric: str, positive: int, costs: NDArray[np.float64] | None = None
    ) -> float:
        """Return the score of the validation logits under a decision rule."""
        label, probability = self.rules[rule].apply(self.validation_logits)
        logits = label if metric in FROM_LABELS else probability
        return one(metric, self.validation_labels, logits, positive, costs)

    def test_score(
        self, rule: str, metric: str, positive: int, costs: NDArray[np.float64] | None = None
    ) -> float:
        """Return the score of the test logits under a decision rule."""
        found = self.test(rule)
        logits = found.label if metric in FROM_LABELS else found.probability
        return one(metric, self.test_labels, logits, positive, costs)

    def decided_by(self, job: Job, target_prior: NDArray[np.float64]) -> "Predictions":
        """Return the same with the rule that the job asks for, fitted on the stored logits."""
        if not job.moves_thresholds:
            return self
        correction = self.rules["prior_corrected"].label_offsets
        rule = job.fit(self.validation_logits, self.validation_labels, correction, target_prior)
        return replace(self, rules=self.rules | {rule.name: rule})

    def for_metric(self, metric: str) -> "Predictions":
        """Return the same with the threshold tuned for a metric, from the stored logits."""
        if metric == self.tuned_for or metric not in LABEL_BASED:
            return self
        logits, labels = self.validation_logits, self.validation_labels
        unused = np.ones(len(self.class_names))
        tuned = fit(TUNED, logits, labels, unused, unused, metric)
        return replace(self, rules=self.rules | {TUNED: tuned}, tuned_for=metric)


@dataclass(frozen=True, eq=False)
class Samples:
    """A few inputs `[n, ...]` with their labels `[n]`, to be looked at."""

    inputs: NDArray[Any]
    labels: NDArray[np.integer[Any]]

    @classmethod
    def read(cls, path: Path) -> "Samples":
        """Return what `write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["inputs"], file["labels"])

    def write(self, path: Path) -> None:
        """Write them to an `.npz` file."""
        np.savez_compressed(path, inputs=self.inputs, labels=self.labels)


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """A finished trial as the record holds it; predictions and plan are read when asked for.

    With an `evaluation`, thresholds are tuned for its metric, and labels are decided as it says.
    """

    store: Source
    run: RecordedRun
    evaluation: Evaluation | None = None

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.run.tags["strategy"]

    @property
    def seed(self) -> int:
        """What decided split, subset and initial weights."""
        return int(self.run.tags["seed"])

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What `plan.json` says: class names and counts, phases, effective prior, rules."""
        return read_plan(self.store, self.run.run_id)

    @cached_property
    def predictions(self) -> Predictions:
        """What the trial predicts on validation and test; raises DamagedRecord."""
        arrays = read_predictions(self.store, self.run.run_id)
        offsets = self.plan["decision_offsets"]
        rules = {
            name: FittedRule(
                name, np.array(offsets[name]["label"]), np.array(offsets[name]["probability"])
            )
            for name in RULES
        }
        parameters, names = self.run.params, tuple(self.plan["class_names"])
        tuned_for = parameters.get(SELECT_BY) or parameters.get("evaluation.metric", "")
        found = Predictions(names, rules=rules, tuned_for=tuned_for, **arrays)
        if self.evaluation is None:
            return found
        job = Job.of(self.evaluation, names)
        return found.for_metric(self.evaluation.metric).decided_by(job, self.target_prior)

    @property
    def costs(self) -> NDArray[np.float64] | None:
        """What errors cost, `[C, C]`; None: 1 each."""
        if self.evaluation is None or not self.evaluation.error_costs:
            return None
        return cost_matrix(self.evaluation.error_costs, self.plan["class_names"])

    @property
    def target_prior(self) -> NDArray[np.float64]:
        """The class distribution that decisions are corrected for, `[C]`.

        In an older record it is what the correction moves the effective prior to.
        """
        if known := self.plan.get("target_prior"):
            return np.array(list(known.values()))
        effective = np.array(list(self.plan["effective_prior"]["values"].values()))
        moved = effective * np.exp(self.plan["decision_offsets"]["prior_corrected"]["label"])
        return np.asarray(moved / moved.sum())

    @property
    def epochs(self) -> int:
        """How many epochs the budget has; of `auto`, how many it came to."""
        epochs = self.run.params.get("train.epochs", "0")
        return len(self.learning_curve) if epochs == "auto" else int(epochs)

    @property
    def folds(self) -> int | None:
        """How many folds its test set is one of; None where it is none."""
        folds = self.run.params.get("split.folds", "None")
        return None if folds == "None" else int(folds)

    @property
    def learning_curve(self) -> NDArray[np.float64]:
        """The validation score by epoch, `[E]`, more is better; none in an older record."""
        scores = np.array(self.plan.get("validation_scores", []), np.float64)
        return scores if higher_is_better(self.run.params.get(SELECT_BY, SELECTED)) else -scores

    @property
    def recall_curves(self) -> NDArray[np.float64]:
        """The validation recall of each class by epoch, `[E, C]`; `[0, C]` in an older record."""
        n_classes = len(self.plan["class_names"])
        recalls = [each for each in self.plan.get("validation_recalls", []) if each]
        return np.array(recalls, np.float64).reshape(-1, n_classes)

    @property
    def made_examples(self) -> Samples | None:
        """A few of the examples that the strategy made; None if it made none."""
        try:
            return read_file(self.store, self.run.run_id, "made_examples.npz", Samples.read)
        except DamagedRecord:
            return None

    @property
    def warnings(self) -> list[str]:
        """What a reader of its scores should know, a line each."""
        return self.run.tags.get("warnings", "").splitlines()

    @property
    def exact_prior(self) -> bool:
        """Whether the class distribution that the logits reflect is known exactly."""
        return bool(self.plan["effective_prior"]["precision"] == "exact")

    @property
    def own_rule(self) -> str:
        """The decision rule of the strategy itself."""
        return str(self.plan["plan"]["decision"])

    @property
    def rule(self) -> str:
        """The decision rule that labels are decided by: what is asked for, or the strategy's."""
        return (self.evaluation and self.evaluation.rule) or self.own_rule


def recorded_trials(
    store: Store,
    fingerprints: Iterable[str],
    evaluation: Evaluation,
    known: Mapping[str, RecordedTrial] | None = None,
    on_damage: Callable[[RecordedRun, str], None] = lambda run, why: None,
) -> dict[str, RecordedTrial]:
    """Return the newest whole run of each of these trials, by fingerprint, beside the known ones.

    A run whose plan or predictions can't be read counts as not finished; `on_damage` is told why
    of the newest one where no other is left.
    """
    wanted, found = set(fingerprints), dict(known or {})
    damaged: dict[str, tuple[RecordedRun, str]] = {}
    for run in store.runs(FINISHED_TRIALS):
        trial = run.tags["trial"]
        if trial in wanted and trial not in found:
            record = RecordedTrial(store, run, evaluation)
            try:
                record.predictions  # noqa: B018 (kept, as the comparison is going to need them)
            except DamagedRecord as error:
                damaged.setdefault(trial, (run, str(error)))
            else:
                found[trial] = record
    for trial in damaged.keys() - found.keys():
        on_damage(*damaged[trial])
    return found


def load_trials(experiment: str | Path | None = None) -> "pandas.DataFrame":
    """Return every finished trial of an experiment, of all, or of a pack, a row each.

    Columns: `run_id`, `trial` (the fingerprint), `conditions` (equal for trials that may be
    compared: their data are the same), `dataset` (the digest of what a seed takes of them),
    `experiment`, `strategy`, `seed`, every parameter as `params.…` and every metric under its own
    name. Of a trial that ran several times the newest run counts. A pack is a file that `harness
    pack` wrote; reading it opens no record.

    Raises:
        UserError: no experiment of this name is recorded, or the file is no whole pack.

    """
    import pandas

    if experiment is not None and is_pack(str(experiment)):
        rows = [*_rows(open_pack(Path(experiment)).trials)]
    else:
        names = experiment_names() if experiment is None else [str(experiment)]
        rows = [row for name in names for row in _rows(Store.existing(name).runs(FINISHED_TRIALS))]
    frame = pandas.DataFrame(rows)
    return frame if frame.empty else frame.drop_duplicates("trial", ignore_index=True)


def load_predictions(run_id: str, pack: str | Path | None = None) -> Predictions:
    """Return the logits, labels and fitted decision rules of a recorded trial, or one of a pack.

    Raises:
        UserError: there is no such run, or it has no predictions.

    """
    source = Store.anywhere() if pack is None else open_pack(Path(pack))
    return RecordedTrial(source, source.run(run_id)).predictions


def _rows(runs: Iterable[RecordedRun]) -> Iterable[dict[str, Any]]:
    for run in runs:
        tags = run.tags
        yield {
            "run_id": run.run_id,
            "trial": tags["trial"],
            "conditions": tags.get("conditions", ""),
            "dataset": tags.get("dataset", ""),
            "experiment": tags["experiment"],
            "strategy": tags["strategy"],
            "seed": int(tags["seed"]),
            **{f"params.{key}": value for key, value in run.params.items()},
            **run.metrics,
        }
