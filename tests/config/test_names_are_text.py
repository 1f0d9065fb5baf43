"""What a user names means the same in the file and in the experiment."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from harness.config.load import load, parameters, resolved
from harness.config.yaml_text import dump, parse, show
from harness.errors import UserError


def classes(text: str) -> list[str]:
    return load(None, [f"data.classes={text}"]).data.classes


@pytest.mark.parametrize(
    "name", ["01", "1e3", "yes", "no", "on", "1:10", "1.0", "+5", "0x1F", "2020-01-01", "1_000"]
)
def test_a_class_keeps_the_name_that_is_written(name):
    assert classes(f"[{name}, a]") == [name, "a"]
    counts = load(None, [f"imbalance={{kind: counts, counts: {{{name}: 5}}}}"]).imbalance.counts
    assert counts == {name: 5}
    assert (
        load(None, ["imbalance.kind=one_vs_rest", f"imbalance.class={name}"]).imbalance.class_
        == name
    )
    assert load(None, [f"evaluation.target_prior={{{name}: 1, b: 2}}"]).evaluation.target_prior == {
        name: 1,
        "b": 2,
    }


@pytest.mark.parametrize("word", ["true", "False", "null", "~"])
def test_a_name_that_reads_as_something_else_is_asked_for_in_quotes(word):
    with pytest.raises(UserError, match=r"data\.classes\[0\]"):
        classes(f"[{word}]")
    assert classes(f"['{word}']") == [word]


def test_names_of_other_things_may_be_numbers_too(tmp_path):
    config = tmp_path / "2024.yaml"
    config.write_text("name: 007\ndata: {source: table, path: 01, label_column: 1}\n")
    experiment = load(str(config))
    assert experiment.name == "007"
    assert experiment.data.path == str(tmp_path / "01")
    assert experiment.data.label_column == "1"


@pytest.mark.parametrize(
    ("text", "ratio"), [("1:10", 10), ("10:1", 10), ("'1 : 2.5'", 2.5), ("50", 50), ("1e2", 100)]
)
def test_a_ratio_is_a_number_or_one_to_a_number(text, ratio):
    assert load(None, [f"imbalance.ratio={text}"]).imbalance.ratio == ratio


@pytest.mark.parametrize("text", ["2:20", "1:", "1:x", "0:1", "1:1:10", "10:", "1:0.5"])
def test_another_ratio_is_refused(text):
    with pytest.raises(UserError, match=r"imbalance\.ratio is .*a number at least 1"):
        load(None, [f"imbalance.ratio='{text}'"])


@pytest.mark.parametrize("keys", ['1: 50, "1": 60', "a: 1, 'a': 2", "~: 1, '~': 2"])
def test_a_key_that_stands_twice_in_two_forms_is_refused(keys):
    with pytest.raises(UserError, match="stands here twice"):
        load(None, [f"imbalance={{kind: counts, counts: {{{keys}}}}}"])


def test_keys_that_are_equal_as_numbers_are_two_names():
    counts = load(None, ["imbalance={kind: counts, counts: {1: 5, 01: 6, 1.0: 7}}"]).imbalance
    assert counts.counts == {"1": 5, "01": 6, "1.0": 7}


@pytest.mark.parametrize("key", ["~", "null", "1.5", "2020-01-01", "true"])
def test_an_odd_key_is_unknown_by_its_text(key):
    with pytest.raises(UserError, match=f"unknown key in train '{key}'"):
        load(None, [f"train={{{key}: 2}}"])


def test_mappings_may_be_merged_and_values_shared():
    text = "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: *x\n"
    assert parse(text, "here") == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 3, "c": 2},
        "e": {"b": 1, "c": 2},
    }
    with pytest.raises(UserError, match="<< takes the keys of a mapping"):
        parse("a: {<<: 3}", "here")
    assert parse("a: {'<<': 3}", "here") == {"a": {"<<": 3}}


def test_what_is_shown_of_a_number_is_how_it_was_written():
    assert show(parse("[01, 1e3, {a: 0x1F}]", "here")) == "[01, 1e3, {a: 0x1F}]"
    with pytest.raises(UserError, match=r"train\.epochs is 0x0;"):
        load(None, ["train.epochs=0x0"])


def test_numbers_survive_the_way_to_a_worker():
    experiment = load(
        None, ["comparison.variants={a: {strategy: focal_loss, parameters: {gamma: 01}}}"]
    )
    for each in (experiment, pickle.loads(pickle.dumps(experiment))):
        assert each.comparison.variants["a"].parameters == {"gamma": 1}
    assert pickle.loads(pickle.dumps(parameters(["gamma=1e-1"]))) == {"gamma": 0.1}


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)


@given(PLAIN)
@example("\x85")
@example({"a\n": "\u2028"})
def test_what_is_written_is_read_again(value):
    assert parse(dump(value), "here") == value


@given(some.sampled_from(["yes", "01", "1:10", "1e3", "0o17", "~", "", "2020-01-01", "0b1", "1_0"]))
def test_text_is_written_so_that_older_readers_take_it_for_text_too(text):
    import yaml

    assert yaml.safe_load(dump({"name": text})) == {"name": text}
    assert yaml.safe_load(dump({"rate": 1e-5})) == {"rate": 1e-5}


def test_an_experiment_is_read_again_from_what_is_recorded_of_it(tmp_path):
    config = tmp_path / "again.yaml"
    experiment = load(None, ["name='1e3'", "data.classes=[01, no]", "train.learning_rate=1e-5"])
    config.write_text(resolved(experiment))
    assert load(str(config)) == experiment
