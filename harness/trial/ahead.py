"""Computing features ahead of trials: those of all images that a frozen network will see."""

import sys
from collections.abc import Iterable

import numpy as np

from harness.config.experiment import Experiment
from harness.data.split import Splits
from harness.features.space import Space, Wanted
from harness.features.views import wanted_views
from harness.plan.augmentation import check
from harness.plan.plan import base_plan
from harness.training.precision import precision_for
from harness.training.threads import threads_for, use


def features_ahead(
    experiment: Experiment, all_splits: Iterable[Splits], with_test: bool = True
) -> int:
    """Compute the features that are missing, with a bar on a terminal; return how many were.

    They are those of the images, and of the views that `train.augmentation` makes. What a strategy
    makes is computed by its trial. The test set's are of all its images, whatever they show: a seal
    of their own is opened for that, and none where they are computed without test.

    Raises:
        UserError: the network can't be had or take such images, there is no room on disk, or what
            is to be augmented are no images.

    """
    together = tuple(all_splits) if experiment.model.frozen else ()
    if not together:
        return 0
    wanted = list[Wanted]()
    for splits in together:
        check(experiment.train.augmentation, splits.train)
        space = Space.of(experiment.model, splits.train, precision_for(experiment.train))
        parts = [splits.train, splits.validation]
        parts += [splits.test.anew().open()] if with_test else []
        wanted += [Wanted.of(part) for part in parts]
        wanted += wanted_views(base_plan(splits.train, experiment), experiment.model.views)
    missing = len(space.missing(np.concatenate([each.keys for each in wanted])))
    if missing:
        use(threads_for(experiment, space.shape), frozen=True)
        _compute(space, wanted, missing)
    return missing


def _compute(space: Space, wanted: Iterable[Wanted], missing: int) -> None:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Computing features", total=missing)
        for each in wanted:
            space.compute(each, lambda count: bar.advance(task, count))
