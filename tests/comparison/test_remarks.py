"""What is remarked of data and trials, once each."""

import numpy as np
from made_up import trial

from harness.comparison.advice_words import sentence
from harness.comparison.document import results
from harness.comparison.remarks import hardly_tested, of_trials, still_learning
from harness.comparison.summary import summarise
from harness.config.experiment import Experiment, Train
from harness.data import prepare


def test_a_remark_of_all_stands_as_it_is_and_another_with_its_strategies() -> None:
    trials = {name: {s: trial(name, s) for s in range(2)} for name in ("none", "a", "b")}
    warnings = {"none": "small", "a": "small\ncorrects twice", "b": "small\ncorrects twice"}
    for name, lines in warnings.items():
        trials[name][0].run.tags["warnings"] = lines
    assert of_trials(trials | {"gone": {}}) == ["small", "a, b: corrects twice"]


def test_classes_with_too_few_test_examples_are_named_with_their_number() -> None:
    many = prepare(Experiment.model_validate({}), 0)
    assert hardly_tested(many, 1) == []
    few = {"split": {"test": 0.02}}
    (line,) = hardly_tested(prepare(Experiment.model_validate(few), 0), 1)
    assert line.startswith("10 classes have fewer than 6 test examples, which say nothing")
    assert "0 (4), 1 (4), 2 (4), 3 (4), 4 (4) and 5 more (harness data shows all)" in line


def test_strategies_whose_curves_rise_to_the_end_are_named_with_a_longer_budget() -> None:
    trials = {name: {s: trial(name, s) for s in range(4)} for name in ("none", "slow")}
    for name, each in trials.items():
        for one in each.values():
            one.run.params.update({"train.epochs": "20", "train.select_by": "balanced_accuracy"})
            curve = np.linspace(0.3, 0.8, 20) if name == "slow" else np.full(20, 0.7)
            one.plan["validation_scores"] = curve.tolist()
    comparison = summarise(trials, "none", "balanced_accuracy", 0.01)
    assert [line.strategy for line in comparison.still_learning] == ["slow"]
    (line,) = still_learning(comparison, Train(epochs=20))
    assert line.startswith("slow is still learning when the budget ends (its last fifth brought up")
    assert line.endswith("--set train.epochs=40")
    assert "train longer" in sentence(comparison).lower()
    rows = {row["strategy"]: row["still_learning"] for row in results(comparison)["strategies"]}
    assert rows == {"none": False, "slow": True}
