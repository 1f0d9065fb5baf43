"""The plan of a trial, on what its network sees: images, or features where it is frozen."""

from harness.features.space import Space
from harness.features.views import on_views
from harness.plan.augmentation import check
from harness.plan.plan import Plan, base_plan
from harness.seeds import generator
from harness.trial.trial import Trial


def planned(trial: Trial, space: Space | None) -> Plan:
    """Return the strategy's plan; in a `space` of features, what alters images draws from views.

    Raises:
        UserError: the strategy's parameters don't fit the data, or it or the augmentation needs
            images that are not there.
        TrialFailed: the strategy's own code breaks down.

    """
    experiment, rng = trial.experiment, generator(trial.seed, "strategy")
    check(experiment.train.augmentation, trial.splits.train)
    if space is None:
        return trial.strategy.plan(base_plan(trial.splits.train, experiment), rng)
    base = base_plan(space.features(trial.splits.train), experiment)
    plan = trial.strategy.plan(base, rng, space)
    return on_views(plan, space, experiment.model.views)
