"""What a comparison needs: its strategies, its seeds, and the trials that follow from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config.experiment import Experiment
from harness.config.seeds import LARGEST_SEED
from harness.errors import UserError, unknown
from harness.execution.task import Candidate, Task
from harness.strategy.registry import Entry, kinds, registry


@dataclass(frozen=True)
class Setup:
    """Strategies, the baseline first, to run on one experiment with seeds, from 0 on or later.

    With `split.folds` these are all folds of as many repeats as seeds were asked for.
    `epochs` has how many every strategy trains by seed, where `train.epochs: auto` left it open.
    `tuned_experiments` has the experiment of each strategy whose training settings were tuned;
    `variant` tells two setups of one comparison apart.
    """

    experiment: Experiment
    candidates: tuple[Candidate, ...]
    seeds: tuple[int, ...]
    tuned_experiments: Mapping[str, Experiment] = field(default_factory=dict)
    variant: str = ""
    epochs: Mapping[int, int] = field(default_factory=dict)

    @property
    def most_epochs(self) -> int:
        """The most epochs that a trial has."""
        return max(self.epochs.values(), default=self.experiment.train.most_epochs)

    @property
    def baseline(self) -> str:
        """What the others are compared with."""
        return self.candidates[0].name

    def tasks(self, parent: str | None) -> list[Task]:
        """Return a task for each trial; every strategy's of one seed before the next seed's."""
        return [
            Task(self.of(candidate, seed), candidate, seed, parent, self.variant)
            for seed in self.seeds
            for candidate in self.candidates
        ]

    def of(self, candidate: Candidate, seed: int) -> Experiment:
        """Return the experiment that a strategy runs on."""
        experiment = self.tuned_experiments.get(candidate.name, self.experiment)
        if seed not in self.epochs:
            return experiment
        train = experiment.train.lasting(self.epochs[seed])
        return experiment.model_copy(update={"train": train})


@dataclass(frozen=True)
class Effort:
    """What every strategy's search may cost: so many trials, with so many inner seeds each.

    `also` are the training settings that are searched with the parameters, by range. The studies
    live in `storage`, or beside the record.
    """

    trials: int
    also: tuple[str, ...] = ()
    inner_seeds: int = 3
    storage: str | None = None


def setup(
    experiment: Experiment,
    strategies: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    plugins: Iterable[Path] = (),
    against: str | None = None,
    seeds: int | None = None,
    tuned: bool = False,
    first_seed: int = 0,
) -> Setup:
    """Return what to run: the given strategies, else the experiment's, else all that need nothing.

    A parameter is named `focal_loss.gamma` and goes to every strategy that has this part. A name
    may be that of a variant that the experiment describes, which keeps its own parameters. If it
    is going to be `tuned`, a strategy may still lack parameters.

    Raises:
        UserError: a strategy is unknown or named twice, a parameter belongs to none of them, or
            the last seed would be too large.

    """
    files = tuple(plugins)
    chosen = list(strategies) or experiment.comparison.strategies or _ready(registry(files))
    if doubled := sorted({name for name in chosen if chosen.count(name) > 1}):
        raise UserError(f"strategy {doubled[0]!r} is named twice; name each once")
    baseline = against or experiment.comparison.baseline
    others = [name for name in chosen if name != baseline]
    if not others:
        raise UserError(f"there is nothing to compare with {baseline!r}; name another strategy")
    names = [baseline, *others]
    variants = experiment.comparison.variants
    shares = _shared_out(parameters or {}, [name for name in names if name not in variants])
    candidates = tuple(
        Candidate(name, dict(variants[name].parameters), files, variants[name].strategy)
        if name in variants
        else Candidate(name, shares[name], files)
        for name in names
    )
    for candidate in candidates:
        if tuned:
            kinds(candidate.spec, files)
        else:
            candidate.stack()
    chosen_seeds = experiment.seeds(seeds, first_seed)
    if chosen_seeds[-1] > LARGEST_SEED:
        raise UserError(
            f"the last seed would be {chosen_seeds[-1]}, and the largest is {LARGEST_SEED}; have "
            "them begin earlier (--first-seed)"
        )
    return Setup(experiment, candidates, chosen_seeds)


def _ready(known: Mapping[str, Entry]) -> list[str]:
    """Return the strategies that need no parameter from the user."""
    return [
        name
        for name, entry in known.items()
        if entry.kind is not None
        and not any(field.is_required() for field in entry.kind.model_fields.values())
    ]


def _shared_out(parameters: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    shares: dict[str, dict[str, Any]] = {name: {} for name in names}
    parts = {part for name in names for part in name.split("+")}
    for key, value in parameters.items():
        owner, _, field_name = key.rpartition(".")
        if not owner:
            example = f"{min(parts, default='focal_loss')}.{field_name}"
            raise UserError(f"-p {key}: say whose parameter it is, such as {example}")
        if owner not in parts:
            raise UserError(unknown("strategy", owner, parts) + f" in parameter {key!r}")
        for name in names:
            if owner in name.split("+"):
                shares[name][key] = value
    return shares
