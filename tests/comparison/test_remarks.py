"""What is remarked of data and trials, once each."""

from made_up import trial

from harness.comparison.remarks import hardly_tested, of_trials
from harness.config.experiment import Experiment
from harness.data import prepare


def test_a_remark_of_all_stands_as_it_is_and_another_with_its_strategies() -> None:
    trials = {name: {s: trial(name, s) for s in range(2)} for name in ("none", "a", "b")}
    warnings = {"none": "small", "a": "small\ncorrects twice", "b": "small\ncorrects twice"}
    for name, lines in warnings.items():
        trials[name][0].run.tags["warnings"] = lines
    assert of_trials(trials | {"gone": {}}) == ["small", "a, b: corrects twice"]


def test_classes_with_too_few_test_examples_are_named_with_their_number() -> None:
    many = prepare(Experiment.model_validate({}), 0)
    assert hardly_tested(many) == []
    few = {"split": {"test": 0.02}}
    (line,) = hardly_tested(prepare(Experiment.model_validate(few), 0))
    assert line.startswith("fewer than 6 test examples say nothing of a class: 0 (4)")
