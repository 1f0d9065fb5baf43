"""A comparison from beginning to end: prepare, audit, search, run, judge, keep."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.comparison.budget import epochs_found, settled
from harness.comparison.contestant import Trials
from harness.comparison.document import facts, results
from harness.comparison.history import look
from harness.comparison.identity import identify, page_of
from harness.comparison.keep import Kept, keep
from harness.comparison.mistakes import Mistakes, mistakes
from harness.comparison.observer import Observer, Silent
from harness.comparison.ranking import Ranking, ranking
from harness.comparison.remarks import hardly_tested, of_decision, of_trials, still_learning
from harness.comparison.running import run
from harness.comparison.setup import Effort, Setup
from harness.comparison.summary import Comparison, summarise
from harness.data import prepare
from harness.data.audit import Duplicates, duplicates, identical
from harness.data.split import Splits
from harness.errors import RecordLost, UserError
from harness.execution.schedule import Schedule, joined
from harness.processes.exits import release
from harness.scoring.job import Job
from harness.tracking.client import stop_waiting
from harness.tracking.store import Store
from harness.training.budget import total_examples
from harness.training.threads import cores, expect_frozen
from harness.trial.trial import Trial

if TYPE_CHECKING:
    from harness.comparison.tuned import Searched

WORTH_WORKERS = 1_000_000
HEADS_FASTER = 20


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison that has been run: the JSON document of `harness compare`, and what was kept.

    Nothing is kept where no trial of the baseline has finished. `remarks` are on trials and
    curves; what is remarked of the data was noted before.
    """

    document: Mapping[str, Any]
    kept: Kept | None
    remarks: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a trial has failed."""
        return bool(self.document["failed"])


@dataclass(frozen=True, eq=False)
class AllCompared:
    """Comparisons of one or several experiments; `ranking` is over several that can be ranked."""

    each: tuple[Compared, ...]
    ranking: Ranking | None

    @property
    def document(self) -> Mapping[str, Any]:
        """The JSON document of `harness compare`."""
        if len(self.each) == 1:
            return self.each[0].document
        return {
            "experiments": [compared.document for compared in self.each],
            "ranks": self.ranking and self.ranking.document,
        }

    @property
    def failed(self) -> bool:
        """Whether a trial has failed."""
        return any(compared.failed for compared in self.each)


def compare(
    setup: Setup,
    effort: Effort | None = None,
    jobs: int | None = None,
    fresh: bool = False,
    observer: Observer | None = None,
    command: str = "",
    ray: str | None = None,
) -> Compared:
    """Run the trials that are not recorded, record the comparison, and return what it shows.

    With an `effort`, every strategy is tuned first, and the untuned ones run as well as the tuned.
    Trials run `jobs` at a time; None chooses by their number and size. Where they are `fresh`,
    what is recorded runs again. `command` is what repeats the comparison, if a command line does.
    `ray` is the address of a cluster to run them on, `auto` or `local`; `jobs` are then at most.

    Raises:
        UserError: the data or a strategy's parameters are wrong, no strategy has anything to
            search, or a node of the cluster can't compute as this process would.
        KeyboardInterrupt: Ctrl-C; what is recorded stays.

    """
    return compare_all([setup], effort, jobs, fresh, observer, command, ray=ray).each[0]


def compare_all(
    setups: Sequence[Setup],
    effort: Effort | None = None,
    jobs: int | None = None,
    fresh: bool = False,
    observer: Observer | None = None,
    command: str = "",
    on_compared: Callable[[Compared], None] = lambda compared: None,
    ray: str | None = None,
) -> AllCompared:
    """Run one comparison after the other, as `compare` does, and rank strategies over several.

    `on_compared` is called after each, before the next begins.

    Raises:
        UserError: as `compare` does, or several experiments have one name, so that their records
            would mix.
        KeyboardInterrupt: Ctrl-C; what is recorded stays.

    """
    names = [setup.experiment.name for setup in setups]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two experiments are named {doubled[0]!r}; give each a name of its own")
    if any(setup.experiment.model.frozen for setup in setups):
        expect_frozen()
    compared = []
    at_a_time = jobs or (1 if ray else max(map(_jobs, setups)))
    with (
        joined(ray, jobs) as cluster,
        _schedule(Schedule(at_a_time, fresh, cluster=cluster), names) as schedule,
    ):
        for setup in setups:
            compared.append(_compare(setup, effort, schedule, observer or Silent(), command))
            on_compared(compared[-1])
    kept = [each.kept for each in compared if each.kept]
    several = len(compared) > 1 and len(kept) == len(compared)
    return AllCompared(tuple(compared), ranking(kept) if several else None)


@contextmanager
def _schedule(schedule: Schedule, experiments: Sequence[str]) -> Iterator[Schedule]:
    """Yield a schedule that is closed at the end; what is under way is killed at an early one."""
    try:
        yield schedule
    except BaseException as error:
        release(error)  # first: what a read holds would block what is recorded beside
        if isinstance(error, KeyboardInterrupt):
            stop_waiting()
        schedule.kill()
        if isinstance(error, KeyboardInterrupt | RecordLost):
            with suppress(RecordLost, UserError):
                for name in experiments:
                    Store.open(name).reap(mine=True)
        raise
    schedule.close()


def _jobs(setup: Setup) -> int:
    """Return a worker a core if there is work for over a minute, for loading them takes as long.

    The work is judged by the examples that training visits, of which a core takes some 10,000 a
    second in the small networks (see `benchmarks/README.md`), and far more where it trains a head
    alone.
    """
    trials = len(setup.candidates) * len(setup.seeds)
    train = prepare(setup.experiment, setup.seeds[0]).train
    work = trials * total_examples(setup.experiment.train, len(train))
    enough = WORTH_WORKERS * (HEADS_FASTER if setup.experiment.model.frozen else 1)
    return min(cores(), trials) if work > enough else 1


def _compare(
    setup: Setup, effort: Effort | None, schedule: Schedule, observer: Observer, command: str
) -> Compared:
    searched = None if effort is None else _search(setup, effort, schedule, observer)
    main = searched.tuned if searched else setup
    store = Store.open(main.experiment.name)
    store.reap()
    splits, audit = _audited(main, observer)
    job = _job(main, splits)
    first = _first(main)
    identity = identify(replace(setup, experiment=main.experiment), first, effort)
    run_id = store.comparison(identity.digest, identity.name, main.experiment.name)
    setups = [main, searched.untuned] if searched else [main]
    setups = settled(setups, schedule, store, run_id, observer)
    ran, *untuned = run(setups, schedule, store, run_id, observer)
    document = facts(ran, splits, audit, first.conditions)
    document |= {"run_id": run_id, "command": command}
    document["failed"] += [failure for each in untuned for failure in each.failures]
    trials = ran.by_strategy
    if not trials[main.baseline]:
        store.fail(run_id, f"no trial of the baseline {main.baseline!r} has finished")
        return Compared(document, None)
    document["notes"] += epochs_found(ran.setup)
    document["notes"] += hardly_tested(splits, len(main.seeds))
    decided = of_decision(trials, job, splits)
    document["notes"] += decided
    evaluation = main.experiment.evaluation
    comparison = summarise(
        trials,
        main.baseline,
        evaluation.metric,
        evaluation.margin,
        look(store, run_id, identity, len(main.seeds)),
        evaluation.generalise,
    )
    document |= results(comparison)
    rising = still_learning(comparison, main.experiment.train)
    document["notes"] += rising
    if searched:
        from harness.comparison.tuned import ledger

        document["tuning"] = ledger(searched, comparison, trials, untuned[0].by_strategy)
    document["report"] = str(page_of(main.experiment.name, identity.digest))
    found = _mistakes(main, comparison, trials)
    kept = keep(store, run_id, identity, document, comparison, trials, splits.train, found)
    new = (remark for remark in of_trials(trials) if remark not in splits.notes)
    return Compared(document, kept, (*new, *decided, *rising))


def _first(setup: Setup) -> Trial:
    """Return the baseline's trial of seed 0, by which machines that share a comparison know it."""
    splits = prepare(setup.experiment, 0)
    return Trial(setup.experiment, setup.candidates[0].stack(), 0, splits)


def _job(setup: Setup, splits: Splits) -> Job:
    """Return what labels are for; raises UserError before anything trains if the data lack it."""
    job = Job.of(setup.experiment.evaluation, splits.train.class_names)
    job.check(splits.validation.counts, splits.train.class_names)
    return job


def _mistakes(setup: Setup, comparison: Comparison, trials: Mapping[str, Trials]) -> Mistakes:
    """Return what is worth a look of the strategy that is advised, or else of the baseline."""
    advice = comparison.advice
    strategy, rule = advice.strategy or comparison.baseline, advice.rule
    tests = (prepare(setup.experiment, seed).test.open() for seed in trials[strategy])
    return mistakes(trials[strategy], rule, tests, strategy)


def _audited(setup: Setup, observer: Observer) -> tuple[Splits, Duplicates]:
    """Return the first seed's data and the copies among them, noting what makes scores flatter."""
    splits = prepare(setup.experiment, setup.seeds[0])
    audit = duplicates(splits)
    few = hardly_tested(splits, len(setup.seeds))
    for note in (*splits.notes, *audit.notes, *identical(splits).notes, *few):
        observer.note(note)
    return splits, audit


def _search(setup: Setup, effort: Effort, schedule: Schedule, observer: Observer) -> "Searched":
    """Tune every strategy; Optuna is loaded for this alone."""
    from harness.comparison.tuned import search

    return search(setup, effort, schedule, observer)
