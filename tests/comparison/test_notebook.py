"""A comparison as a notebook calls it: without the command line, and without a word."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.comparison.compare import Compared, compare, compare_all
from harness.comparison.keep import read
from harness.comparison.observer import Silent, Work
from harness.comparison.setup import Setup, setup
from harness.config.experiment import Experiment
from harness.errors import UserError
from harness.execution.task import Outcome, Task
from harness.scoring.decision import RULES
from harness.scoring.metrics import one

pytestmark = pytest.mark.usefixtures("record", "undrawn")


def small(name: str = "digits", seeds: int = 1, **evaluation: object) -> Setup:
    experiment = Experiment.model_validate(
        {
            "name": name,
            "imbalance": {"kind": "long_tail", "ratio": 20},
            "model": {"name": "mlp"},
            "train": {"epochs": 2, "batch_size": 64},
            "evaluation": evaluation,
        }
    )
    return setup(experiment, ["undersampling"], seeds=seeds)


class Listening(Silent):
    def __init__(self) -> None:
        self.heard: list[object] = []

    @contextmanager
    def trials(self, work: Work) -> Iterator[Silent]:
        self.heard.append((work.trials, work.recorded, work.epochs, work.jobs))
        yield self

    def on_epoch(self, task: Task, epoch: int) -> None:
        self.heard.append((task.label, epoch))

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        self.heard.append((task.label, outcome.state))


def test_it_is_silent_and_draws_no_page(record: Path, capfd: pytest.CaptureFixture[str]) -> None:
    compared = compare(small(), jobs=1)
    assert capfd.readouterr() == ("", "")
    assert compared.kept is not None
    assert not compared.failed
    assert [line.strategy for line in compared.kept.comparison.lines] == ["none", "undersampling"]
    assert not list(record.glob("reports/*"))


def test_an_observer_is_told_of_epochs_and_outcomes() -> None:
    listening = Listening()
    compare(small(), jobs=1, observer=listening)
    none, other = "none, seed 0", "undersampling, seed 0"
    ends = [each for name in (none, other) for each in ((name, 1), (name, 2), (name, "done"))]
    assert listening.heard == [(2, 0, 2, 1), *ends]
    again = Listening()
    compare(small(), jobs=1, observer=again)
    assert again.heard == [(2, 2, 2, 1), (none, "done"), (other, "done")]


def test_several_are_ranked_and_told_one_by_one() -> None:
    told: list[Compared] = []
    setups = [small("one"), small("other")]
    done = compare_all(setups, jobs=1, on_compared=told.append)
    assert tuple(told) == done.each
    assert done.ranking is not None
    assert done.ranking.experiments == ("one", "other")
    assert done.document["ranks"]["strategies"] == ["none", "undersampling"]
    page = Path(done.document["ranks"]["page"])
    assert re.fullmatch(r"ranks-[0-9a-f]{8}\.html", page.name)
    others = compare_all([small("other"), small("third")], jobs=1)
    assert others.ranking is not None
    assert others.ranking.page != page
    back = compare_all(setups[::-1], jobs=1)
    assert back.ranking is not None
    assert back.ranking.page == page  # the same set


def test_experiments_that_differ_in_metric_have_no_ranks() -> None:
    done = compare_all([small("one"), small("other", metric="g_mean")], jobs=1)
    assert done.ranking is None
    assert done.document["ranks"] is None


def test_two_experiments_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two experiments are named 'digits'"):
        compare_all([small(), small()])


def test_two_comparisons_of_one_name_are_kept_apart_and_read_as_they_ended(record: Path) -> None:
    small_margin, large_margin = small(margin=0.01), small(margin=0.2)
    first, second = (compare(each, jobs=1) for each in (small_margin, large_margin))
    assert first.kept is not None
    assert second.kept is not None
    assert first.kept.page != second.kept.page
    assert first.document["report"] == str(first.kept.page)
    assert read("digits").document["margin"] == 0.2
    again = compare(small_margin, jobs=1)
    assert again.document["run_id"] == first.document["run_id"]
    assert read("digits").document["margin"] == 0.01
    assert read("digits", second.kept.digest[:8]).document["margin"] == 0.2


def test_a_comparison_that_is_resumed_and_interrupted_is_still_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = compare(small(), jobs=1)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.comparison.compare.run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compare(small(seeds=2), jobs=1)
    assert done.kept is not None
    run = done.kept.store.run(done.document["run_id"])
    assert run.status != "FINISHED"
    assert read("digits").document == done.document
    assert read("digits").page == done.kept.page


def test_another_metric_reads_the_record_with_thresholds_that_are_tuned_for_it() -> None:
    first = compare(small(seeds=2), jobs=1)
    other = compare(small(seeds=2, metric="f1_macro"), jobs=1)
    assert [each["cached"] for each in first.document["trials"]] == [False] * 4
    assert [each["cached"] for each in other.document["trials"]] == [True] * 4
    assert first.document["run_id"] != other.document["run_id"]
    assert other.kept is not None
    trial = other.kept.trials["undersampling"][0]
    found, labels = trial.predictions, trial.predictions.validation_labels
    assert found.tuned_for == "f1_macro"
    tuned, plain = (found.rules[name].apply(found.validation_logits)[0] for name in RULES[::-2])
    assert one("f1_macro", labels, tuned, 0) >= one("f1_macro", labels, plain, 0)
    assert read("digits").comparison.metric == "f1_macro"
