"""What is worth a look after a comparison, from test predictions that are made to order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import recorded

from harness.comparison.mistakes import (
    FACTS,
    IMAGES,
    LARGEST,
    MOST_SHOWN,
    Mistakes,
    images_in,
    mistakes,
)
from harness.comparison.records import Predictions, RecordedTrial
from harness.config.experiment import Evaluation
from harness.data.examples import Examples
from harness.scoring.decision import FittedRule
from harness.trial.stored import read_json


def trial(
    seed: int, ids: Sequence[int], labels: Sequence[int], rare: Sequence[float]
) -> RecordedTrial:
    """A trial of two classes that gives each tested example this probability of the second."""
    share = np.array(rare)
    logits = np.log(np.stack([1 - share, share], axis=1)).astype(np.float32)
    rules = {
        "argmax": FittedRule("argmax", np.zeros(2), np.zeros(2)),
        "tuned_threshold": FittedRule("tuned_threshold", np.array([0.0, 9.0]), np.zeros(2)),
    }
    truth = np.array(labels)
    return recorded(
        "none",
        seed,
        Predictions(("many", "few"), logits, truth, logits, truth, np.array(ids, np.uint64), rules),
    )


def examples(ids: Sequence[int], labels: Sequence[int], names: bool = True) -> Examples:
    images = np.array(ids, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    text = np.array([f"images/{each}.png" for each in ids], np.dtypes.StringDType())
    return Examples(
        images,
        np.array(labels),
        ("many", "few"),
        names=text if names else None,
        identities=np.array(ids, np.uint64),
    )


TWO_SEEDS = {
    0: trial(0, [1, 2, 3, 4], [0, 0, 1, 1], [0.1, 0.95, 0.9, 0.4]),
    1: trial(1, [2, 4, 5, 6], [0, 1, 1, 0], [0.85, 0.7, 0.8, 0.45]),
}
TESTS = (examples([1, 2, 3, 4], [0, 0, 1, 1]), examples([2, 4, 5, 6], [0, 1, 1, 0]))


def test_seeds_are_pooled_by_example_and_said_to_agree_or_not() -> None:
    found = mistakes(TWO_SEEDS, None, TESTS, "none")
    assert (found.strategy, found.rule, found.seeds, found.n_tested) == ("none", "argmax", 2, 6)
    (wrong,) = found.wrong
    assert (wrong.identity, wrong.label, wrong.other) == (2, 0, 1)
    assert (wrong.agree, wrong.tested) == (2, 2)
    assert wrong.confidence == pytest.approx(0.9)
    assert wrong.label_confidence == pytest.approx(0.1)
    assert wrong.name == "images/2.png"
    split = next(each for each in found.unsure if each.identity == 4)
    assert (split.agree, split.tested, split.other) == (1, 2, 1)


def test_the_right_ones_come_with_the_least_confident_first_class_by_class() -> None:
    found = mistakes(TWO_SEEDS, None, TESTS, "none")
    assert [each.identity for each in found.unsure] == [6, 1, 4, 5, 3]


def test_of_a_class_the_most_confident_mistakes_are_shown() -> None:
    rng = np.random.default_rng(0)
    ids, shares = range(1, 31), rng.uniform(0.51, 0.99, 30)
    found = mistakes(
        {0: trial(0, ids, [0] * 30, shares.tolist())}, None, [examples(ids, [0] * 30)], ""
    )
    confidences = [each.confidence for each in found.wrong]
    assert len(confidences) == MOST_SHOWN
    assert confidences == pytest.approx(np.sort(shares)[::-1][:MOST_SHOWN])


def test_another_rule_makes_other_mistakes() -> None:
    found = mistakes(TWO_SEEDS, "tuned_threshold", TESTS, "none")
    assert {each.identity for each in found.wrong} == {1, 2, 6}


def test_the_rule_that_the_job_asks_for_goes_before_the_strategys_own() -> None:
    evaluation = Evaluation.model_validate({"decision": "tuned_threshold"})
    asked = {seed: replace(TWO_SEEDS[seed], evaluation=evaluation) for seed in TWO_SEEDS}
    for seed, each in asked.items():
        vars(each).update(plan=TWO_SEEDS[seed].plan, predictions=TWO_SEEDS[seed].predictions)
    assert mistakes(asked, None, TESTS, "none").rule == "tuned_threshold"


def test_a_label_is_suspected_where_another_class_is_as_probable_as_usual_for_its_own() -> None:
    found = mistakes(TWO_SEEDS, None, TESTS, "none")
    (suspected,) = found.suspected
    assert (suspected.identity, suspected.label, suspected.other) == (2, 0, 1)
    assert (found.n_suspected, suspected.name) == (1, "images/2.png")


def test_one_content_under_two_labels_is_two_examples() -> None:
    twice = {0: trial(0, [7, 7], [0, 1], [0.9, 0.9])}
    found = mistakes(twice, None, [examples([7, 7], [0, 1])], "none")
    assert found.n_tested == 2
    assert [(each.label, each.other) for each in found.wrong] == [(0, 1)]
    assert [(each.label, each.other) for each in found.unsure] == [(1, 1)]


def test_test_sets_are_read_only_until_all_is_found() -> None:
    opened = []

    def tests() -> object:
        for number in range(3):
            opened.append(number)
            yield TESTS[0]

    mistakes({0: TWO_SEEDS[0]}, None, tests(), "none")  # type: ignore[arg-type]
    assert opened == [0]


def test_inputs_that_are_no_images_have_no_pictures_and_those_without_names_none() -> None:
    vectors = Examples(
        np.zeros((4, 3), np.float32),
        np.array([0, 0, 1, 1]),
        ("many", "few"),
        identities=np.arange(1, 5, dtype=np.uint64),
    )
    found = mistakes({0: TWO_SEEDS[0]}, None, [vectors], "none")
    assert not found.images
    assert {each.name for each in (*found.wrong, *found.unsure)} == {""}


def test_large_images_are_made_smaller() -> None:
    large = Examples(
        np.full((4, 500, 300, 3), 7, np.uint8),
        np.array([0, 0, 1, 1]),
        ("many", "few"),
        identities=np.arange(1, 5, dtype=np.uint64),
    )
    found = mistakes({0: TWO_SEEDS[0]}, None, [large], "none")
    assert max(found.images[2].shape) <= LARGEST
    assert found.images[2].shape == (83, 50, 3)
    assert (found.images[2] == 7).all()


@pytest.mark.parametrize("tests", [TESTS, ()])
def test_what_is_written_is_read_again(tmp_path: Path, tests: Sequence[Examples]) -> None:
    found = mistakes(TWO_SEEDS, None, tests, "none")
    found.write(tmp_path)
    again = Mistakes.of(read_json(tmp_path / FACTS), images_in(tmp_path / IMAGES))
    assert (again.wrong, again.unsure, again.suspected) == (
        found.wrong,
        found.unsure,
        found.suspected,
    )
    assert {key: image.tolist() for key, image in again.images.items()} == {
        key: image.tolist() for key, image in found.images.items()
    }
