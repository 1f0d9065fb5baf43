from types import SimpleNamespace
from typing import Any, cast

from harness.comparison.running import Ran
from harness.config.experiment import Experiment
from harness.execution.task import Candidate, Outcome, Task


def test_a_trial_that_was_recorded_as_another_one_counts_as_failed() -> None:
    tasks = tuple(Task(Experiment(), Candidate("none"), seed) for seed in range(3))
    states = [Outcome("done"), Outcome("done"), Outcome("failed", reason="no memory")]
    ran = Ran(
        cast(Any, None),
        tasks,
        trials={t.label: cast(Any, SimpleNamespace(fingerprint=f"trial {t.seed}")) for t in tasks},
        outcomes=dict(zip([task.label for task in tasks], states, strict=True)),
        recorded={"trial 0": cast(Any, "its record")},
    )
    reasons = {each["seed"]: each["reason"] for each in ran.failures}
    assert set(reasons) == {1, 2}
    assert "code changed while the comparison ran" in reasons[1]
    assert reasons[2] == "no memory"
