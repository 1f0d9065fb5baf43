"""Which of Optuna's samplers finds better class weights: multivariate TPE, or a Gaussian process?

    .venv/bin/pip install torch        # only the Gaussian process needs it
    .venv/bin/python benchmarks/samplers.py [--experiment digits] [--studies 5] [--trials 50]

Studies come in pairs: both samplers get the same inner seeds, known points, pruner and budget, and
the next pair gets other ones. Each study's best point is then scored on validation sets of seeds
that no study used, for the best score of a search flatters. Nothing is asserted.
"""

import argparse
import statistics
import time
import warnings
from dataclasses import replace
from typing import cast

import optuna
from optuna.samplers import BaseSampler, GPSampler
from scipy import stats

from harness.config.load import load
from harness.execution.task import Candidate
from harness.training.threads import use
from harness.tuning.pruner import pruner
from harness.tuning.sampler import sampler
from harness.tuning.setup import Tuning, tuning

THREADS = 1
STARTUP_TRIALS = 10  # random ones, as of Optuna's TPE
FRESH_SEEDS = tuple(range(9000, 9005))


def samplers(seed: int) -> dict[str, BaseSampler]:
    """Return the harness's own sampler and the contender, which starts with as many random ones."""
    return {"TPE": sampler(seed, 0), "GP": GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS)}


def study(given: Tuning, chosen: BaseSampler) -> tuple[float, float, float]:
    """Return a study's best score, what its best point scores on fresh seeds, and its seconds."""
    from harness.tuning.objective import Objective

    began = time.perf_counter()
    made = optuna.create_study(
        direction="maximize", sampler=chosen, pruner=pruner(given.experiment.train.most_epochs)
    )
    for known in given.space.known:
        made.enqueue_trial(dict(known))
    made.optimize(Objective(given), n_trials=given.trials)
    seconds = time.perf_counter() - began
    anew = Objective(replace(given, inner_seeds=FRESH_SEEDS))
    fresh = anew(cast("optuna.Trial", optuna.trial.FixedTrial(made.best_params)))
    return made.best_value, fresh, seconds


def spread(values: list[float]) -> str:
    """Return a mean with its 95 % interval, in points."""
    mean, half = statistics.fmean(values), 0.0
    if len(values) > 1:
        error = statistics.stdev(values) / len(values) ** 0.5
        half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return f"{100 * mean:+.2f} [{100 * (mean - half):.2f}, {100 * (mean + half):.2f}]"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", default="fashion_binary")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--studies", type=int, default=5)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--inner-seeds", type=int, default=2)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    use(THREADS)
    experiment = load(
        asked.experiment, [f"train.epochs={asked.epochs}", f"train.threads={THREADS}"]
    )
    found: dict[str, list[tuple[float, float]]] = {"TPE": [], "GP": []}
    for number in range(asked.studies):
        given = tuning(
            experiment, Candidate("class_weight"), asked.trials, inner_seeds=asked.inner_seeds
        )
        first = 1000 + number * asked.inner_seeds
        given = replace(given, inner_seeds=tuple(range(first, first + asked.inner_seeds)))
        for name, chosen in samplers(number).items():
            best, fresh, seconds = study(given, chosen)
            found[name].append((best, fresh))
            print(
                f"{number} {name:3}  best {best:.4f}  fresh {fresh:.4f}  {seconds:.0f} s",
                flush=True,
            )
    for index, what in enumerate(("best score of the search", "its point on fresh seeds")):
        pairs = zip(found["TPE"], found["GP"], strict=True)
        difference = [tpe[index] - gp[index] for tpe, gp in pairs]
        print(f"TPE - GP, {what}: {spread(difference)} points over {len(difference)} studies")


if __name__ == "__main__":
    main()
