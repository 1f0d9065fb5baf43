from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.config.data import FolderData, IdxData
from harness.config.experiment import Experiment
from harness.data.examples import Examples, Groups
from harness.data.group_cut import group_cut
from harness.data.groups import grouped, grouped_by, refuse_straddling, without_groups
from harness.data.sources import Source
from harness.data.split import split
from harness.errors import UserError

NAMES = tuple("abcdef")


def examples(labels: Sequence[int], groups: Sequence[int]) -> Examples:
    """Examples whose inputs are their group, so that it is known wherever they go."""
    inputs = np.array(groups, np.float32)[:, np.newaxis]
    codes = np.array(labels, np.int64)
    return Examples(inputs, codes, NAMES[: codes.max() + 1], grouped(map(str, groups)))


def experiment(**sections: Any) -> Experiment:
    return Experiment.model_validate(sections)


def groups_of(part: Examples) -> set[int]:
    return set(part.gather(np.arange(len(part)))[:, 0].astype(int).tolist())


def drawn(seed: int, n_groups: int, size: int, shares: Sequence[float]) -> Examples:
    """About `size` examples a group, each group with a leaning of its own to some classes."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 2 * size, n_groups))
    leaning = rng.dirichlet(20 * np.array(shares), n_groups)
    labels = [rng.choice(len(shares), p=leaning[group]) for group in groups]
    labels[: len(shares)] = range(len(shares))[: len(labels)]
    return examples(labels, groups.tolist())


def enough(data: Examples, needed: int) -> bool:
    assert data.groups is not None
    of = data.groups.places
    return all(len(np.unique(of[data.labels == c])) >= needed for c in range(data.n_classes))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(4, 60),
    st.integers(1, 6),
    st.sampled_from([(0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1), (0.4, 0.3, 0.1, 0.1, 0.1)]),
    st.floats(0.05, 0.45),
    st.integers(0, 5),
)
def test_no_group_straddles_and_every_class_is_everywhere(
    seed: int, n_groups: int, size: int, shares: tuple[float, ...], share: float, draw: int
) -> None:
    data = drawn(seed, n_groups, size, shares)
    assume(enough(data, 3))
    given_shares = {"validation": share, "test": share}
    try:
        splits = split(Source(data, None, None, ()), experiment(split=given_shares), draw)
    except UserError as error:  # few groups that hold several classes each
        assume("no choice of groups" not in str(error))
        raise
    parts = [splits.train, splits.validation, splits.test.open()]
    sets = [groups_of(part) for part in parts]
    assert sum(map(len, sets)) == len(set.union(*sets)) == data.n_groups
    assert sum(map(len, parts)) == len(data)
    assert all((part.counts > 0).all() for part in parts)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.15, 0.2, 0.3, 0.4, 0.6]))
def test_the_shares_of_every_class_are_near_to_what_is_asked_for(seed: int, share: float) -> None:
    data = drawn(seed, 150, 5, (0.6, 0.3, 0.1))
    assert data.groups is not None
    cut = group_cut(data, data.groups, share, 1, np.random.default_rng(seed))
    shares = np.bincount(data.labels[cut], minlength=3) / data.counts
    assert np.abs(shares - share).max() < 0.06


def test_classes_that_have_few_groups_of_their_own_get_one_in_each_split() -> None:
    common = list(range(3, 300))
    groups = [*common, *(300 + 3 * rare + at for rare in range(4) for at in range(3))]
    labels = [0] * len(common) + [1 + rare for rare in range(4) for _ in range(3)]
    data = examples(labels * 2, groups * 2)
    splits = split(Source(data, None, None, ()), experiment(), 0)
    counts = [part.counts for part in (splits.train, splits.validation, splits.test)]
    assert [count[1:].tolist() for count in counts] == [[2, 2, 2, 2]] * 3
    assert all(abs(count[0] / 594 - 0.15) < 0.04 for count in counts[1:])


def test_many_groups_take_little_time_and_stay_whole() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60_000, 200_000)
    labels = (rng.random(200_000) < 0.0005).astype(np.int64)
    data = Examples(
        np.zeros((200_000, 1), np.float32), labels, ("a", "b"), Groups(groups, range(60_000))
    )
    cut = group_cut(data, data.groups, 0.15, 2, rng)
    assert not set(groups[cut]) & set(groups[~cut])
    assert abs(cut.mean() - 0.15) < 0.02
    assert abs(cut[labels == 1].mean() - 0.15) < 0.05


def test_a_seed_decides_and_a_test_seed_fixes_the_test_set() -> None:
    source = Source(drawn(1, 80, 4, (0.7, 0.3)), None, None, ())
    digests = [split(source, experiment(), seed).digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    fixed = [split(source, experiment(split={"test_seed": 0}), seed) for seed in (1, 2)]
    assert fixed[0].test.digest == fixed[1].test.digest
    assert fixed[0].digest != fixed[1].digest


def test_groups_of_one_example_each_are_split_as_if_there_were_none() -> None:
    grouped_ = examples([0] * 40 + [1] * 20, range(60))
    alone = Examples(grouped_.inputs, grouped_.labels, grouped_.class_names)
    digests = [split(Source(e, None, None, ()), experiment(), 0).digest for e in (grouped_, alone)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("n_groups", "said"), [(1, "1 group ('20')"), (2, "2 groups ('20', '21')")]
)
def test_a_class_that_lives_in_too_few_groups_is_refused(n_groups: int, said: str) -> None:
    rare = [20 + number % n_groups for number in range(6)]
    data = examples([0] * 40 + [1] * 6, [*(number // 2 for number in range(40)), *rare])
    with pytest.raises(UserError) as caught:
        split(Source(data, None, None, ()), experiment(), 0)
    assert f"class 'b' lives in {said}" in str(caught.value)
    assert "at least 3 groups" in str(caught.value)


def test_groups_that_cannot_be_shared_out_are_refused() -> None:
    data = examples([0, 0, 1, 1, 2, 2] * 2, [1, 2, 2, 3, 1, 3] * 2)
    with pytest.raises(UserError, match="no choice of groups"):
        group_cut(data, data.groups, 0.3, 1, np.random.default_rng(0))


def test_imbalance_leaves_groups_whole() -> None:
    data = drawn(3, 90, 5, (0.5, 0.5))
    section = {"kind": "step", "ratio": 5}
    splits = split(Source(data, None, None, ()), experiment(imbalance=section), 0)
    assert not groups_of(splits.train) & groups_of(splits.validation)
    assert splits.train.n_groups == len(groups_of(splits.train))


def test_a_group_in_two_sets_of_the_source_is_refused() -> None:
    both = examples([0, 1] * 5, [1, 2, 1, 2, 1, 2, 1, 2, 1, 3])
    train, test = both.take(np.arange(6)), both.take(np.arange(6, 10))
    refuse_straddling({"train": train, "validation": None, "test": test.take(np.array([3]))}, "")
    with pytest.raises(UserError, match=r"group '1' .* in train and in test.*group_column: false"):
        split(Source(train, None, test, ()), experiment(), 0)


def test_the_way_out_is_the_setting_of_the_source() -> None:
    folder = FolderData(source="folder", path="x", group_pattern="(a)")
    assert "group_pattern" in without_groups(folder)
    assert "group_column" in without_groups(IdxData(source="idx"))


@pytest.mark.parametrize(
    ("pattern", "paths", "names"),
    [
        ("^(?P<group>[^_]+)_", ["p1_a.png", "p2_a.png", "p1_b.png"], ["p1", "p2", "p1"]),
        ("([0-9]+)", ["x12/a.png", "x7.png"], ["12", "7"]),
        ("(x|y)(?P<group>[0-9])", ["x1", "y1", "x2"], ["1", "1", "2"]),
    ],
)
def test_a_pattern_finds_groups_in_paths(pattern: str, paths: list[str], names: list[str]) -> None:
    groups = grouped_by(pattern, paths)
    assert [groups.names[place] for place in groups.places] == names


@pytest.mark.parametrize("path", ["cat.png", "_x.png"])
def test_a_path_in_which_the_pattern_finds_nothing_is_named(path: str) -> None:
    with pytest.raises(UserError, match=rf"finds no group in '{path}'"):
        grouped_by("^([^_]*)_", ["a_1.png", path])


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a", "no regular expression"),
        ("(a{99999999999})", "no regular expression"),
        ("a", "brackets"),
    ],
)
def test_a_pattern_that_finds_no_group_ever_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FolderData(source="folder", path="x", group_pattern=pattern)
