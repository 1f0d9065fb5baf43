"""Fitting a trial: its plan, carried out and scored on validation alone. No test set is opened."""

from dataclasses import dataclass
from time import perf_counter

from harness.data import forget
from harness.data.examples import Examples, Floats
from harness.errors import TrialFailed, reason
from harness.features.space import Space
from harness.plan.plan import Phase, Plan
from harness.plan.prior import EffectivePrior, effective_prior
from harness.scoring.job import Job
from harness.scoring.target import target_prior
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe, compiled_network
from harness.training.loop import train
from harness.training.visits import Visits
from harness.trial.budget import settled
from harness.trial.cost import Cost
from harness.trial.epoch import Epoch, OnBegin, OnEpoch
from harness.trial.finishing import finish
from harness.trial.planning import planned
from harness.trial.remarks import remarks
from harness.trial.result import Weights
from harness.trial.selection import Selection
from harness.trial.trial import Trial
from harness.trial.validation import Validation


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trial whose network is trained and finished.

    `validation` are the examples as the network saw them: where it is frozen, their features in its
    `space`. `phase` is the best epoch's, `prior` what its logits reflect, `target` what decisions
    correct for, `[C]`. `score` is what the finished network has on validation as
    `evaluation` judges it, after what `head_transform` names was done to its head, if anything; the
    scores in `epochs` are by `train.select_by` and from before that.
    """

    trial: Trial
    space: Space | None
    validation: Examples
    network: CompiledNetwork
    plan: Plan
    phase: Phase
    prior: EffectivePrior
    target: Floats
    epochs: tuple[Epoch, ...]
    best_epoch: int
    score: float
    head_transform: str | None
    weights: Weights
    visits: Visits
    cost: Cost
    compile_seconds: float
    remarks: tuple[str, ...]


def fit(trial: Trial, on_epoch: OnEpoch | None = None, on_begin: OnBegin | None = None) -> Fitted:
    """Make a trial's plan, carry it out, and choose the epoch and the head by validation.

    `on_begin` and `on_epoch` are as in `train_trial`.

    Raises:
        UserError: the strategy's parameters don't fit the data, or the network can't be built.
        TrialFailed: the strategy's own code breaks down, code of the trial calls `sys.exit` or the
            like, it changes the data, or the loss is no longer finite.

    """
    try:
        fitted = _fit(trial, on_epoch, on_begin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _refuse_changed(trial)
        if isinstance(error, Exception):
            raise
        raise TrialFailed(
            f"code of strategy {trial.strategy.name!r} or of network "
            f"{trial.experiment.model.name!r} ended the program: {reason(error)}"
        ) from error
    _refuse_changed(trial)
    return fitted


def _refuse_changed(trial: Trial) -> None:
    """Raise TrialFailed if the data are not what they were; the next trial reads them anew."""
    if not trial.splits.intact:
        forget()
        raise TrialFailed(
            f"strategy {trial.strategy.name!r} changed the data that all trials share: what plan() "
            "is given is read-only; return a plan with other examples, by dataclasses.replace"
        )


def _fit(trial: Trial, on_epoch: OnEpoch | None, on_begin: OnBegin | None) -> Fitted:
    experiment, splits = trial.experiment, trial.splits
    evaluation = experiment.evaluation
    Job.of(evaluation, splits.train.class_names)  # what it asks for must be there to be decided
    model, settings = experiment.model, experiment.train
    space = Space.of(model, splits.train, trial.precision) if model.frozen else None
    plan = planned(trial, space)
    network = compiled_network(Recipe.of(model, settings, plan.train, plan.head))
    network.check(plan)
    target = target_prior(evaluation, splits.train)
    looked_at = splits.validation if space is None else space.features(splits.validation)
    validation = Validation(network, plan, looked_at, target, settings.select_by)
    if on_begin:
        on_begin()
    started, compiled = perf_counter(), network.compile_seconds
    settings = settled(trial, validation)
    selection = Selection(validation, settings.patience, on_epoch)
    budget = epoch_examples(settings, len(splits.train))
    visits = train(network, plan, settings, budget, trial.seed, [selection])
    chosen = selection.best
    assert chosen is not None, "the last phase has an epoch, and that is a candidate"
    finished = finish(validation, chosen.phase, chosen.weights, network.weights())
    network.restore(finished.best)
    logits = validation.logits()
    prior = effective_prior(plan, chosen.phase)
    score = validation.judged(logits, chosen.phase, evaluation)
    seconds, compiling = perf_counter() - started, network.compile_seconds - compiled
    skipped = len(selection.epochs) - selection.candidates
    return Fitted(
        trial=trial,
        space=space,
        validation=looked_at,
        network=network,
        plan=plan,
        phase=chosen.phase,
        prior=prior,
        target=target,
        epochs=tuple(selection.epochs),
        best_epoch=chosen.epoch.number,
        score=score,
        head_transform=finished.head_transform,
        weights=Weights(finished.best, finished.last),
        visits=visits,
        cost=Cost(float(visits.examples_seen), float(visits.steps), seconds - compiling),
        compile_seconds=compiling,
        remarks=remarks(trial, plan, prior, settings.most_epochs, skipped),
    )
