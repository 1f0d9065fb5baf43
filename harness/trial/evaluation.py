"""What a trained network is worth: logits, decision rules, and scores under each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.config.experiment import Evaluation
from harness.data.batches import chance_without
from harness.data.classes import per_class, rarest
from harness.data.examples import Array, Examples, Floats, Identities, Integers
from harness.data.split import Splits
from harness.plan.plan import Plan
from harness.scoring import decision, metrics
from harness.tracking.names import metric_names
from harness.training.compiled import CompiledNetwork
from harness.training.loop import Epoch, Trained

CLASSES_LOGGED_ONE_BY_ONE = 20


@dataclass(frozen=True, eq=False)
class Logits:
    """Validation and test logits, float32 `[n, C]`."""

    validation: Array
    test: Array


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Logits of the best and the last epoch with their labels, and what they score.

    `rules` are fitted on validation; `test` has the scores under each, `validation` and `last`
    (the last epoch, on test) those under the plan's own.
    """

    best: Logits
    last: Logits
    validation_labels: Integers
    test_labels: Integers
    test_ids: Identities
    positive: int
    rules: Mapping[str, decision.FittedRule]
    test: Mapping[str, metrics.Scores]
    validation: metrics.Scores
    last_test: metrics.Scores


def target_prior(given: Evaluation, train: Examples) -> Floats:
    """Return the class distribution to correct for, `[C]`.

    Raises:
        UserError: a given distribution names an unknown class or leaves one out.

    """
    if given.target_prior == "uniform":
        return np.full(train.n_classes, 1 / train.n_classes)
    if given.target_prior == "train":
        return np.asarray(train.counts / len(train))
    values = per_class("evaluation.target_prior", given.target_prior, train.class_names)
    return np.asarray(values / values.sum())


def evaluate(
    network: CompiledNetwork,
    trained: Trained,
    plan: Plan,
    splits: Splits,
    priors: tuple[Floats, Floats],
    metric: str,
) -> Evaluated:
    """Open the sealed test set and score the best epoch, and the last one, on it.

    `priors` are the effective one and the target, `[C]` each; `metric` is what a threshold is
    tuned for.
    """
    test = splits.test.open()
    best, last = (
        _logits(network, weights, splits.validation, test, plan.phases[-1].loss.logit_scale)
        for weights in (trained.best, trained.last)
    )
    validation_labels, test_labels = splits.validation.labels, test.labels
    rules = {
        name: decision.fit(name, best.validation, validation_labels, *priors, metric)
        for name in decision.RULES
    }
    positive, names = rarest(splits.train.counts), splits.train.class_names

    def scores(labels: Integers, logits: Array, rule: decision.FittedRule) -> metrics.Scores:
        return metrics.score(labels, *rule.apply(logits), positive, names)

    own = rules[plan.decision]
    return Evaluated(
        best=best,
        last=last,
        validation_labels=validation_labels,
        test_labels=test_labels,
        test_ids=test.ids,
        positive=positive,
        rules=rules,
        test={name: scores(test_labels, best.test, rule) for name, rule in rules.items()},
        validation=scores(validation_labels, best.validation, own),
        last_test=scores(test_labels, last.test, own),
    )


def numbers(evaluated: Evaluated, plan: Plan, trained: Trained) -> dict[str, float]:
    """Return every final metric of a trial under the name that the record gives it."""
    names = plan.train.class_names
    flat = _costs(plan, trained) | _flat("validation", evaluated.validation, names)
    for rule, scores in evaluated.test.items():
        flat |= _flat("test" if rule == plan.decision else f"test_{rule}", scores, names)
    return flat | {f"test_last/{name}": v for name, v in evaluated.last_test.overall.items()}


def curves(epochs: Sequence[Epoch], metric: str) -> list[tuple[str, int, float]]:
    """Return the points of every curve; the metric as it is, not turned for the loop."""
    sign = 1.0 if metrics.HIGHER_IS_BETTER[metric] else -1.0
    rows = []
    for epoch in epochs:
        values = {
            "train_loss": epoch.train_loss,
            "validation_loss": epoch.validation_loss,
            f"validation_{metric}": sign * epoch.validation_score,
            "learning_rate": epoch.learning_rate,
        }
        rows += [(f"epoch/{name}", epoch.number + 1, value) for name, value in values.items()]
    return rows


def counts_after(plan: Plan) -> Integers:
    """Return the examples of each class that one pass visits under the plan, `[C]`."""
    return np.rint(plan.pass_counts(plan.phases[-1])).astype(np.int64)


def _logits(
    network: CompiledNetwork,
    weights: list[Array],
    validation: Examples,
    test: Examples,
    scale: float,
) -> Logits:
    network.restore(weights)
    return Logits(network.predict(validation, scale), network.predict(test, scale))


def _flat(prefix: str, scores: metrics.Scores, class_names: tuple[str, ...]) -> dict[str, float]:
    flat = {f"{prefix}/{name}": value for name, value in scores.overall.items()}
    if len(class_names) > CLASSES_LOGGED_ONE_BY_ONE:
        return flat
    for index, name in enumerate(metric_names(class_names)):
        flat[f"{prefix}/recall/{name}"] = float(scores.recall[index])
        flat[f"{prefix}/precision/{name}"] = float(scores.precision[index])
        flat[f"{prefix}/f1/{name}"] = float(scores.f1[index])
    return flat


def _costs(plan: Plan, trained: Trained) -> dict[str, float]:
    """Return time, cost, and how the batches turned out, the last beside their prediction."""
    visits = trained.visits
    names = metric_names(plan.train.class_names)
    costs = {
        "cost/examples_seen": float(visits.examples_seen),
        "cost/steps": float(visits.steps),
        "cost/train_seconds": trained.seconds,
        "cost/epochs": float(len(trained.epochs)),
        "cost/best_epoch": float(trained.best_epoch + 1),
    }
    if len(names) <= CLASSES_LOGGED_ONE_BY_ONE:
        observed = visits.batches_without / visits.steps
        for index, name in enumerate(names):
            costs[f"batch/observed_without/{name}"] = float(observed[index])
            costs[f"batch/predicted_without/{name}"] = float(_predicted(plan)[index])
            costs[f"coverage/{name}"] = float(visits.coverage[index])
    return costs


def _predicted(plan: Plan) -> Floats:
    """Return the hypergeometric chance that a batch of the last phase's pass lacks each class."""
    visited = counts_after(plan)
    return chance_without(visited, min(plan.batch_size, int(visited.sum())))
