"""Testing a fitted trial: the sealed test set is opened, and scored under every decision rule."""

from harness.data.examples import Array, Examples, Integers
from harness.plan.plan import Phase
from harness.plan.prior import effective_prior
from harness.scoring import decision, metrics
from harness.scoring.calibration import calibrate
from harness.trial.fitting import Fitted
from harness.trial.result import Logits, Tested, TrialResult


def tested(fitted: Fitted) -> TrialResult:
    """Open the test set, and score the best epoch's network and the last one's on it."""
    trial, plan = fitted.trial, fitted.plan
    splits, last_phase = trial.splits, plan.phases[-1]
    labels, test = splits.validation.labels, splits.test.open()
    inputs = test if fitted.space is None else fitted.space.features(test)
    best = _logits(fitted, fitted.weights.best, inputs)
    last = _logits(fitted, fitted.weights.last, inputs)

    def rule(name: str, phase: Phase) -> decision.FittedRule:
        prior, metric = effective_prior(plan, phase).values, trial.experiment.train.select_by
        return decision.fit(name, best.validation, labels, prior, fitted.target, metric)

    def scores(labels: Integers, logits: Array, rule: decision.FittedRule) -> metrics.Scores:
        return metrics.score(labels, *rule.apply(logits), trial.positive, test.class_names)

    rules = {name: rule(name, fitted.phase) for name in decision.RULES}
    return TrialResult(
        trial=trial,
        plan=plan,
        phase=fitted.phase,
        prior=fitted.prior,
        epochs=fitted.epochs,
        best_epoch=fitted.best_epoch,
        validation_score=fitted.score,
        head_transform=fitted.head_transform,
        weights=fitted.weights,
        best=best,
        last=last,
        tested=Tested(test.labels, test.ids, test.groups),
        rules=rules,
        target_prior=fitted.target,
        calibration=calibrate(
            best.validation, labels, rules["prior_corrected"].label_offsets, fitted.target
        ),
        validation=scores(labels, best.validation, rules[plan.decision]),
        test={name: scores(test.labels, best.test, rule) for name, rule in rules.items()},
        last_test=scores(test.labels, last.test, rule(plan.decision, last_phase)),
        visits=fitted.visits,
        cost=fitted.cost,
        compile_seconds=fitted.compile_seconds,
        remarks=fitted.remarks,
    )


def _logits(fitted: Fitted, weights: list[Array], test: Examples) -> Logits:
    fitted.network.restore(weights)
    return Logits(fitted.network.predict(fitted.validation), fitted.network.predict(test))
