"""A study: opened or made, and what it holds so far."""

import hashlib
import logging
from typing import Any

import optuna
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from harness.errors import UserError
from harness.scoring.metrics import higher_is_better
from harness.tuning import slots
from harness.tuning.pruner import pruner
from harness.tuning.setup import Tuning
from harness.tuning.storage import open_storage

logging.getLogger("optuna").setLevel(logging.ERROR)


class OpenStudy:
    """A study of Optuna's, and what of it counts."""

    def __init__(self, tuning: Tuning, study: Study) -> None:
        self.tuning, self.study = tuning, study

    @classmethod
    def of(cls, tuning: Tuning) -> "OpenStudy":
        """Open a study, made if missing.

        Raises:
            UserError: the storage can't be opened, or holds another study under this name.

        """
        maximize = higher_is_better(tuning.experiment.evaluation.metric)
        study = optuna.create_study(
            storage=open_storage(tuning.storage),
            study_name=tuning.study,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
            pruner=pruner(tuning.experiment.train.most_epochs),
        )
        _agree(study, tuning)
        return cls(tuning, study)

    @property
    def key(self) -> str:
        """What names it among all studies of all storages."""
        name = f"{self.tuning.storage}/{self.tuning.study}"
        return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()

    def trials(self) -> list[FrozenTrial]:
        """Return all trials as they are now."""
        return self.study.get_trials(deepcopy=False)

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that count and have ended, by slot."""
        return slots.finished(self.trials())

    def best(self) -> FrozenTrial | None:
        """Return the complete trial with the best score; of equal ones the first slot's."""
        complete = [each for each in self.finished() if each.state is TrialState.COMPLETE]
        sign = 1.0 if higher_is_better(self.tuning.experiment.evaluation.metric) else -1.0
        return max(complete, key=lambda each: sign * (each.value or 0.0), default=None)

    def so_far(self) -> tuple[int, float | None]:
        """Return how many trials have ended, and the best score of them."""
        best = self.best()
        return len(self.finished()), None if best is None else best.value

    def is_done(self) -> bool:
        """Tell whether as many trials as were asked for have ended."""
        ended = {each.user_attrs[slots.SLOT] for each in self.finished()}
        return ended.issuperset(range(self.tuning.trials))


def _agree(study: Study, tuning: Tuning) -> None:
    """Store what a study is, or check that it is the same."""
    known = study.user_attrs
    differing = []
    for key, value in tuning.facts.items():
        if key not in known:
            study.set_user_attr(key, value)
        elif known[key] != value:
            differing.append(_difference(key, known[key], value))
    if differing:
        raise UserError(
            f"study {tuning.study!r} exists and differs in {', '.join(differing)}; "
            "give this one another name, or leave --study out, which names it by what it searches"
        )


def _difference(key: str, old: Any, new: Any) -> str:
    if key == "space":
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return f"its space ({', '.join(names)})"
    if key == "conditions":
        return "the configuration, the code or a library's version"
    return f"its {key.replace('_', ' ')} ({old}, not {new})"
