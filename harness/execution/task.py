"""A task: one trial as plain data that any process can run, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.errors import RecordLost, TrialFailed, TrialUnderWay, UserError, message, reason
from harness.strategy.registry import resolve
from harness.strategy.stack import Stack
from harness.trial.trial import Trial

if TYPE_CHECKING:
    from harness.trial.artifacts import Draw
    from harness.trial.recording import Recorded

Made = TypeVar("Made")
OnEpoch = Callable[["Task", int], None]


@dataclass(frozen=True)
class Candidate:
    """A strategy as the user gave it: its name, its parameters, and the files it may come from.

    Where the name is one that the user made up, `strategy` says what it stands for.
    """

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    strategy: str = ""

    @property
    def spec(self) -> str:
        """The strategies themselves, as in `undersampling+focal_loss`."""
        return self.strategy or self.name

    @property
    def title(self) -> str:
        """Its name, and what that stands for where the name does not say so."""
        return self.name if self.spec == self.name else f"{self.name} ({self.spec})"

    def stack(self) -> Stack:
        """Return the strategy that this names; raises UserError if there is none such."""
        return resolve(self.spec, dict(self.parameters), self.plugins)


@dataclass(frozen=True, eq=False)
class Task:
    """One trial to run, recorded below the run `parent`; `variant` tells apart equal names."""

    experiment: Experiment
    candidate: Candidate
    seed: int
    parent: str | None = None
    variant: str = ""

    @property
    def label(self) -> str:
        """What it is called in messages, and told apart by."""
        return f"{self.variant} {self.candidate.name}, seed {self.seed}".lstrip()

    @property
    def title(self) -> str:
        """What its run is called: variant, strategy and seed."""
        return f"{self.variant} {self.candidate.title}, seed {self.seed}".lstrip()

    def trial(self) -> Trial:
        """Return the trial itself; the data are read unless this process has them already."""
        splits = prepare(self.experiment, self.seed)
        return Trial(self.experiment, self.candidate.stack(), self.seed, splits)


@dataclass(frozen=True)
class Outcome:
    """What came of a task; `under_way` says that another process is running this very trial."""

    state: Literal["done", "failed", "under_way"]
    run_id: str = ""
    cached: bool = False
    reason: str = ""


def perform(task: Task, fresh: bool, wait: bool, on_epoch: OnEpoch) -> Outcome:
    """Run a task to its end; what is given and raised is as in `begin`."""
    return begin(task, fresh, wait, on_epoch)()


def begin(
    task: Task, fresh: bool, wait: bool, on_epoch: OnEpoch, draw: "Draw | None" = None
) -> Callable[[], Outcome]:
    """Train a task's trial; return what completes its record, and returns its outcome.

    That may be called in any thread. Whatever goes wrong in either is the task's outcome, so that
    the others can go on; both raise RecordLost where they can't, for the record or the disk takes
    nothing more. Figures are drawn with `draw`, or by the call itself.
    """

    def train() -> Callable[[], "Recorded"]:
        from harness.tracking.store import Store
        from harness.trial.recording import begin

        return begin(
            task.trial(),
            Store.open(task.experiment.name, known=True),
            lambda epoch: on_epoch(task, epoch.number + 1),
            fresh=fresh,
            wait=wait,
            parent=task.parent,
            title=task.title,
            draw=draw,
        )

    complete = _attempted(train)
    return (lambda: complete) if isinstance(complete, Outcome) else (lambda: _ended(complete))


def _ended(complete: Callable[[], "Recorded"]) -> Outcome:
    recorded = _attempted(complete)
    if isinstance(recorded, Outcome):
        return recorded
    return Outcome("done", run_id=recorded.run_id, cached=recorded.cached)


def _attempted(step: Callable[[], Made]) -> Made | Outcome:
    """Return what a step of a task makes, or what the task came to where the step fails."""
    try:
        return step()
    except TrialUnderWay:
        return Outcome("under_way")
    except (TrialFailed, UserError) as error:
        return Outcome("failed", reason=message(error))
    except (RecordLost, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's strategy or network may fail in any way
        return Outcome("failed", reason=reason(error))
