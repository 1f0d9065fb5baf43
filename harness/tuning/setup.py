"""What a study is: an experiment, a strategy, a search space, a budget, and where it is kept."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.errors import UserError
from harness.execution.task import Candidate
from harness.plan.plan import base_plan
from harness.seeds import generator
from harness.training.precision import precision_for
from harness.training.threads import threads_for
from harness.trial.trial import Trial
from harness.tuning.also import settings
from harness.tuning.space import Space, space
from harness.tuning.storage import default_url

FIRST_INNER_SEED = 1000
TEST_SEED = 0
NAMES = re.compile(r"[A-Za-z0-9_.+: -]{1,200}")


@dataclass(frozen=True)
class Tuning:
    """`trials` points of a space, each scored on validation with the same inner seeds.

    `conditions` are a digest of all that two of its trials have in common; `seed` is the sampler's.
    """

    experiment: Experiment
    candidate: Candidate
    space: Space
    trials: int
    inner_seeds: tuple[int, ...]
    storage: str
    study: str
    conditions: str
    threads: int
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What the study remembers, and what must be the same when it goes on."""
        return {
            "experiment": self.experiment.name,
            "strategy": self.candidate.name,
            "metric": self.experiment.evaluation.metric,
            "inner_seeds": list(self.inner_seeds),
            "space": json.loads(json.dumps(self.space.describe())),
            "conditions": self.conditions,
        }


def tuning(
    experiment: Experiment,
    candidate: Candidate,
    trials: int,
    also: Iterable[str] = (),
    inner_seeds: int = 3,
    storage: str | None = None,
    study: str | None = None,
) -> Tuning:
    """Return what to tune: the strategy's parameters that are not given, and settings by `also`.

    Inner seeds are 1000, 1001, ..., apart from a comparison's 0, 1, ....

    Raises:
        NothingToSearch: the search space is empty.
        UserError: a range is wrong, or the strategy does not fit the data at the first known point.

    """
    apart = fixed_test(experiment)
    splits = prepare(apart, FIRST_INNER_SEED)
    threads = threads_for(apart, splits.train.inputs.shape[1:])
    computed = {"threads": threads, "precision": precision_for(apart.train)}
    fixed = apart.model_copy(update={"train": apart.train.model_copy(update=computed)})
    base = base_plan(splits.train, fixed)
    searched = space(candidate, base, fixed, settings(fixed, also))
    first = searched.known[0] if searched.known else searched.corner()
    stack = searched.point(first).candidate(candidate).stack()
    stack.plan(base, generator(FIRST_INNER_SEED, "strategy"))
    trial = Trial(fixed, stack, FIRST_INNER_SEED, splits)
    evaluation = fixed.evaluation
    job = json.dumps(evaluation.job, sort_keys=True) if evaluation.job else ""
    aim = f"{trial.fingerprint} {evaluation.metric}{job}"
    made = Tuning(
        experiment=fixed,
        candidate=candidate,
        space=searched,
        trials=trials,
        inner_seeds=tuple(range(FIRST_INNER_SEED, FIRST_INNER_SEED + inner_seeds)),
        storage=storage or default_url(),
        study=study or "",
        conditions=blake2b(aim.encode(), digest_size=16).hexdigest(),
        threads=threads,
    )
    named = made if study else replace(made, study=_name(made))
    if not NAMES.fullmatch(named.study):
        raise UserError(
            f"--study {named.study!r}: write at most 200 letters, digits, spaces or _ . + : -"
        )
    return named


def _name(made: Tuning) -> str:
    """Return a study's name by all that it remembers, so that another search is another study."""
    facts = json.dumps(made.facts, sort_keys=True)
    digest = blake2b(facts.encode(), digest_size=4).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", made.experiment.name)
    return f"{plain}-{made.candidate.name}-{digest}"


def fixed_test(experiment: Experiment) -> Experiment:
    """Return an experiment whose test set does not move with the seed.

    Trials of other seeds then never learn from what one of them is tested on. A data set with a
    test set of its own is left as it is. Raises UserError for folds, which leave nothing untested.
    """
    if experiment.split.folds is not None:
        raise UserError(
            "split.folds tests every example, but a search must never train on what is tested; "
            "tune with --set split.folds=null"
        )
    if experiment.split.test_seed is not None:
        return experiment
    one, other = (prepare(experiment, FIRST_INNER_SEED + number).test.digest for number in (0, 1))
    if one == other:
        return experiment
    return experiment.model_copy(
        update={"split": experiment.split.model_copy(update={"test_seed": TEST_SEED})}
    )
