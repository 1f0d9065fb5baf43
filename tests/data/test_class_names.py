"""Names of classes: compared in one form, and what differs in form only is pointed out."""

from pathlib import Path

import numpy as np
import pytest

from harness.config.data import NpzData
from harness.data.classes import named_class
from harness.data.names import alike
from harness.data.sources import Source, load
from harness.errors import UserError

COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"


def source(folder: Path, *names: str, **settings: object) -> Source:
    labels = np.repeat(names, 3)
    np.savez(folder / "some.npz", x=np.zeros((len(labels), 4, 4), np.uint8), y=labels)
    return load(NpzData(source="npz", path=str(folder / "some.npz"), **settings))


def test_accents_composed_and_decomposed_are_one_class(tmp_path):
    found = source(tmp_path, "a", DECOMPOSED, COMPOSED)
    assert found.train.class_names == ("a", COMPOSED)
    assert found.train.counts.tolist() == [3, 6]
    assert [COMPOSED in note for note in found.notes] == [True]


def test_a_set_of_many_such_names_is_summed_up():
    (line,) = alike([f"{'0' * zeros}1" for zeros in range(10)])
    assert "'1', '01', '001' and 7 more are kept apart" in line


@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
def test_a_class_is_found_by_either_form(tmp_path, name):
    assert source(tmp_path, "a", COMPOSED, "b", classes=[name, "a"]).train.counts.tolist() == [3, 3]


@pytest.mark.parametrize(
    "names", [("1", "1.0"), ("True", "TRUE"), ("cat", "Cat "), ("01", "1"), ("1e3", "1000")]
)
def test_names_that_differ_in_form_only_are_pointed_out(tmp_path, names):
    notes = source(tmp_path, *names, "other").notes
    assert len(notes) == 1
    assert all(repr(name) in notes[0] for name in names)


@pytest.mark.parametrize("names", [("1", "2"), ("a", "A"), ("cat", "cats"), ("10", "100")])
def test_other_names_are_not(names):
    assert alike(names) == ()


def test_many_such_names_make_one_line():
    (line,) = alike(
        [form for name in ("one", "two", "ten", "six") for form in (name, name.upper())]
    )
    assert "'one' and 'ONE'" in line
    assert "(and 1 more such sets)" in line


def test_a_number_is_a_name_and_a_place_is_asked_for():
    names = ("b", "2", "index 1", "0")
    assert [named_class(name, names) for name in ("2", "0", "index 0")] == [1, 3, 0]
    assert named_class("index 1", names) == 2  # the name comes first
    assert named_class(2, names) == 1
    with pytest.raises(UserError, match="unknown class '1'"):
        named_class(1, names)
    with pytest.raises(UserError, match=r"^here: unknown class '1'.*is written 'index 1'$"):
        named_class("1", names, "here")
    for name in ("index 4", "index -1", "index", "7"):
        with pytest.raises(UserError, match="unknown class"):
            named_class(name, names)
