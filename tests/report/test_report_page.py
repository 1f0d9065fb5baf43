import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure
from parsed import Element, parse
from report_content import STRATEGIES, comparison, content, effect, line

from harness.report import figures, panels, tables
from harness.report.content import Content
from harness.report.page import render

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "$x$ \\frac{",
    "&lt;b&gt; {{ 7 * 7 }}",
    "非常に長いクラス名前ですよこれは本当に長いので切られます",
    "שלום עולם",
    "x" * 300,
    "null\x00 \x1b[31m \u202eevil",
    "\ud800",
    "",
)


def cases() -> dict[str, Content]:
    return {
        "digits": content(),
        "hostile": content(
            strategies=("none", *HOSTILE), class_names=HOSTILE, experiment=HOSTILE[0]
        ),
        "one_seed_two_classes": content(class_names=("fine", "defect"), seeds=1, images=False),
        "hundred_classes": content(
            class_names=[f"class {i}" for i in range(100)], dead="focal_loss", images=False
        ),
        "little": replace(
            content(strategies=("none", "focal_loss"), dead="focal_loss", images=False),
            precision_recall=(),
            notes=(),
        ),
    }


NAMES = ("digits", "hostile", "one_seed_two_classes", "hundred_classes", "little")


@cache
def page(name: str) -> str:
    return render(cases()[name])


def words(shown: Content) -> str:
    """The page with frames for its drawings, which take most of the time."""

    def framed(figure: Figure, key: str, label: str, names: Sequence[str] = ()) -> Markup:
        return Markup('<svg role="img" aria-label="{}"></svg>').format(label)

    with pytest.MonkeyPatch.context() as patch:
        for module in (figures, panels):
            patch.setattr(module, "to_svg", framed)
        return render(shown)


@cache
def tree(name: str) -> Element:
    return parse(page(name))


@pytest.mark.parametrize("name", NAMES)
def test_page_is_well_formed_and_accessible(name: str) -> None:
    root = tree(name)
    assert len(root.all("h1")) == 1
    for table in root.all("table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text
        assert all(cell.attributes["scope"] in ("col", "row") for cell in table.all("th"))
        widths = {len(row.children) for row in table.all("tr")}
        assert len(widths) == 1
    for svg in root.all("svg"):
        assert svg.attributes["role"] == "img"
        assert svg.attributes["aria-label"].strip()
    for figure in root.all("figure"):
        assert len(figure.all("figcaption")) == 1
        assert figure.all("details")[0].all("table")
    assert all(image.attributes["alt"] for image in root.all("img"))


@pytest.mark.parametrize("name", NAMES)
def test_headings_leave_no_level_out(name: str) -> None:
    levels = [int(e.tag[1]) for e in tree(name).all() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_page_loads_nothing(name: str) -> None:
    root = tree(name)
    assert not {"script", "link", "iframe", "object", "base"} & {e.tag for e in root.all()}
    for element in root.all():
        for attribute, value in element.attributes.items():
            assert not attribute.startswith("on")
            if attribute in ("src", "href", "xlink:href"):
                assert value.startswith(("data:image/png;base64,", "#"))
            if attribute == "style":
                assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", value))
    style = root.all("style")[0].text
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_references_resolve(name: str) -> None:
    root = tree(name)
    ids = [e.attributes["id"] for e in root.all() if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    wanted = set(re.findall(r'href="#([^"]+)"', page(name)))
    wanted |= set(re.findall(r"url\(#([^)]+)\)", page(name)))
    wanted |= {e.attributes["aria-labelledby"] for e in root.all("section")}
    assert wanted <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_drawings_follow_the_pages_colours_and_font(name: str) -> None:
    for svg in tree(name).all("svg"):
        for element in svg.all():
            style = element.attributes.get("style", "")
            assert not re.search(r"#[0-9a-fA-F]{3,6}\b(?!-)", style.replace("url(#", "url("))
            assert "font-family" not in style


def test_hostile_names_are_shown_and_do_nothing() -> None:
    root, text = tree("hostile"), page("hostile")
    assert "alert(1)" in root.text
    assert not [e for e in root.all("img") if e.attributes["src"] == "x"]
    assert "{{ 7 * 7 }}" in root.text
    assert "$x$ \\frac{" in root.text
    assert "\x00" not in text
    assert "\u202e" not in text
    text.encode("utf-8")


def test_long_names_are_cut_with_the_whole_in_a_title() -> None:
    root = tree("hostile")
    assert any(e.attributes.get("title") == HOSTILE[6] for e in root.all("bdi"))
    assert all(len(e.text) <= 400 for e in root.all("bdi"))
    assert any(e.text == HOSTILE[6] for e in root.all("title"))


def test_names_of_forty_letters_are_whole_in_every_figure_and_table() -> None:
    names = [f"melanocytic_lesion_of_the_left_{part}_{'x' * 8}" for part in ("arm", "leg", "ear")]
    root = parse(render(content(class_names=names)))
    texts = [each.text for each in [*root.all("text"), *root.all("bdi")]]
    assert not [text for text in texts if text.endswith("…")]
    drawn = "".join(each.text for each in root.all("text"))
    assert all(drawn.count(name) >= len(STRATEGIES) for name in names)
    assert all(sum(each.text == name for each in root.all("dt")) == 2 for name in names)


def test_in_print_what_is_folded_is_open_and_nothing_is_cut() -> None:
    print_style = page("digits").rpartition("@media print {")[2].partition("</style>")[0]
    assert "details::details-content { content-visibility: visible" in print_style
    assert "pre { white-space: pre-wrap" in print_style
    assert re.search(r"h2,.*summary, caption { break-after: avoid", print_style)
    assert re.search(r"tr, svg,.*{ break-inside: avoid", print_style)


def test_same_content_gives_the_same_page_whatever_the_users_settings() -> None:
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        again = render(content())
    assert again == page("digits")


def test_drawing_leaves_the_users_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    page("little")
    assert dict(matplotlib.rcParams) == before


def test_page_is_small() -> None:
    assert len(page("digits").encode("utf-8")) < 600_000


def test_sections_come_in_order() -> None:
    heads = [heading.text for heading in tree("one_seed_two_classes").all("h2")]
    assert heads == [
        "Verdicts",
        "Learned, or moved the threshold?",
        "Recall, precision and F1 by class",
        "Learning curves",
        "Ranking and calibration",
        "Look at the mistakes",
        "Cost and optimism",
        "At your prevalence",
        "The data",
        "What is uncertain",
        "How to reproduce",
    ]


def test_parts_without_content_are_left_out() -> None:
    heads = [heading.text for heading in tree("digits").all("h2")]
    assert "At your prevalence" not in heads
    assert "What tuning bought" not in heads
    assert not tree("little").all("img")


def rows(root: Element, caption: str) -> list[list[str]]:
    table = next(t for t in root.all("table") if t.children[0].text.startswith(caption))
    return [[cell.text for cell in row.children] for row in table.all("tr")[1:]]


def test_verdict_table_says_the_verdicts_in_words_and_numbers() -> None:
    table = rows(tree("digits"), "Every strategy against none")
    assert table[0][:3] == ["none", "baseline", "74.2"]
    assert table[1] == [
        "class_weight",
        "▲ better (threshold only)",
        "77.3",
        "+3.1",
        "+1.2 to +5.0",
        "0.012",
        "4.2",
        "–",  # noqa: RUF001
    ]
    assert [row[1] for row in table[2:]] == ["? undecided", "▼ worse", "≈ equivalent"]
    assert table[2][-1] == "14"


def test_where_classes_are_hardly_tested_a_table_has_the_difference_over_the_others() -> None:
    few = line("a", "undecided", fragile_classes=("smile",), elsewhere=effect(-0.002, 0.03))
    table = tables.elsewhere(comparison(few))
    assert table is not None
    assert table.rows == (("a", "−0.2", "−3.2 to +2.8"),)  # noqa: RUF001
    assert "no verdict may hang on it: smile" in tables.verdicts(comparison(few)).caption
    assert tables.elsewhere(comparison(line("a"))) is None


def test_the_gain_over_a_moved_threshold_stands_with_the_rules() -> None:
    table = rows(tree("digits"), "Difference from the baseline under the same rule")
    assert table[0][-1] == "+1.0 (−0.9 to +2.9)"  # noqa: RUF001


def test_the_headline_is_short_and_what_to_do_stands_below() -> None:
    root = tree("hostile")
    assert len(root.all("h1")[0].text) < 400
    assert root.all("p")[1].attributes["class"] == "lead"
    assert root.all("p")[1].text.startswith("Train plainly")


def test_names_may_go_on_in_the_next_line_and_numbers_may_not() -> None:
    names = ("none", "rotating_undersampling+online_augmentation")
    text = words(content(strategies=names, images=False))
    assert "rotating_<wbr>undersampling+<wbr>online_<wbr>augmentation" in text
    assert "+1.2 to +5.0" in text


def test_strategy_without_a_finished_trial_is_named_and_not_drawn() -> None:
    root = tree("hundred_classes")
    table = rows(root, "Every strategy against none")
    assert table[2][:2] == ["focal_loss", "✕ no trial finished"]
    assert rows(root, "Trials that did not finish")[0][:2] == ["focal_loss", "0"]
    labels = [svg.attributes["aria-label"] for svg in root.all("svg")]
    assert not [label for label in labels if label.startswith("Recall of focal_loss")]
    assert "nan" not in root.text.lower().replace("became nan", "")


def test_comparison_in_which_only_the_baseline_finished_has_a_page() -> None:
    root = tree("little")
    assert root.all("h1")[0].text.startswith("There is no verdict")
    assert "Differences" not in [heading.text for heading in root.all("h3")]


def test_of_many_classes_thirds_are_drawn_and_the_rarest_are_listed() -> None:
    root = tree("hundred_classes")
    drawn = [svg for svg in root.all("svg") if svg.attributes["aria-label"].startswith("Recall of")]
    assert all("head" in svg.text and "tail" in svg.text for svg in drawn)
    listed = rows(root, "Percent, mean over seeds, with the 95 % interval of each class")
    assert {row[0] for row in listed} == {f"class {index}" for index in range(80, 100)}


@pytest.mark.parametrize("rarest", [1, 100])
def test_counts_of_many_classes_are_drawn_whether_they_differ_or_not(rarest: int) -> None:
    even = np.linspace(100, rarest, 40).astype(np.int64)
    drawn = panels.class_counts([f"class {index}" for index in range(40)], {"train": even})
    assert "Class counts of train: 40 classes" in drawn[0]


def test_every_class_has_recall_precision_and_f1_with_intervals_under_every_strategy() -> None:
    listed = rows(tree("digits"), "Percent, mean over seeds, with the 95 % interval of each class")
    assert len(listed) == 10 * len(STRATEGIES)
    assert listed[0] == [
        *("0", "120", "36", "none"),
        *["97.0 (87.0 to 100.0)"] * 3,
    ]
    nothing = "–"  # noqa: RUF001
    assert listed[-5][4:] == ["46.0 (36.0 to 56.0)", nothing, "46.0 (36.0 to 56.0)"]


def test_learning_curves_say_who_is_still_learning() -> None:
    labels = [svg.attributes["aria-label"] for svg in tree("digits").all("svg")]
    curves = [label for label in labels if label.startswith("Validation score of")]
    assert len(curves) == len(STRATEGIES)
    assert [label for label in curves if "still learning: +2.0" in label] == [curves[2]]
    without = parse(words(replace(content(images=False), learning_curves=None)))
    assert "Learning curves" not in [heading.text for heading in without.all("h2")]


def test_differing_budgets_and_copies_are_said() -> None:
    text = tree("digits").text
    assert "The budgets differ: undersampling and batch_size_scaling" in text
    assert "3 examples of one split are exact copies" in text
    assert "The budgets differ" not in words(content(strategies=STRATEGIES[:3]))


def test_what_reproduces_it_is_there() -> None:
    root = tree("digits")
    made = content()
    assert root.all("pre")[0].text == made.document["command"]
    assert made.digest in root.text
    assert made.document["conditions"] in root.text
    assert len(rows(root, "Recorded trials")) == len(STRATEGIES) * 5


@pytest.mark.parametrize("shape", [(3, 300, 200, 3), (1, 8, 8, 4), (12, 5, 9, 1), (2, 4, 4, 2)])
def test_images_of_any_shape_become_a_strip(shape: tuple[int, ...]) -> None:
    from harness.report.images import strip

    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert strip(images).startswith("data:image/png;base64,")


def test_classes_without_images_are_left_out_and_those_that_do_not_fit_are_counted() -> None:
    start = content()
    kept = start.samples.labels == 0
    few = replace(
        start.samples, inputs=start.samples.inputs[kept], labels=start.samples.labels[kept]
    )
    images = parse(words(replace(start, samples=few, made={}, mistakes=None))).all("img")
    assert [image.attributes["alt"] for image in images] == ["8 examples of 0"]
    many = parse(words(content(class_names=[f"class {i}" for i in range(23)])))
    assert "3 more classes are not shown." in many.text


def test_mistakes_are_shown_class_by_class_with_what_they_were_taken_for() -> None:
    root = tree("digits")
    first = next(part for part in root.all("ul") if part.attributes.get("class") == "tiles")
    tile = first.all("li")[0]
    assert tile.all("img")[0].attributes["alt"] == "an image of 0, taken for 1"
    assert [part.text for part in tile.all("span")] == [
        "taken for 1",
        "90.0 %",
        "2 of 3 seeds",
        "0/image 0.png",
    ]
    assert len(rows(root, "The most confident mistakes")) == 79 + 10


def test_suspected_labels_have_a_table_that_is_cut_with_the_count() -> None:
    root = tree("digits")
    found = rows(root, "Labels that may be wrong")
    assert len(found) == 50
    assert found[0] == ["0/image 0.png", "0", "5.0", "1", "90.0", "2 of 3 seeds"]
    assert "80 of 500 tested examples may have a wrong label" in root.text
    assert "The table has the first 50" in root.text


def test_inputs_that_are_no_images_have_their_mistakes_in_an_open_table() -> None:
    root = tree("one_seed_two_classes")
    assert not root.all("img")
    assert any(
        "open" in part.attributes and "as a table" in part.text for part in root.all("details")
    )


def test_an_older_record_has_a_page_without_mistakes() -> None:
    assert "Look at the mistakes" not in words(replace(content(), mistakes=None))


def test_what_tuning_took_and_bought_is_told_where_strategies_were_tuned() -> None:
    start = content()
    row = {
        "strategy": "class_weight",
        "params": {"weights": {"0": 1.5}},
        "settings": {},
        "trials": 30,
        "examples_seen": 36000,
        "seconds": 12.4,
        "untuned_mean": None,
        "tuned_mean": 0.75,
        "bought": None,
        "bought_interval": None,
        "optimism": 0.02,
    }
    root = parse(words(replace(start, document={**start.document, "tuning": [row]})))
    assert rows(root, "Untuned and tuned on fresh seeds")[0] == [
        *("class_weight", "–", "75.0", "–", "–", "+2.0", "30", "36,000", "12"),  # noqa: RUF001
        "{weights: {'0': 1.5}}",
    ]


def test_metric_where_lower_is_better_points_the_other_way() -> None:
    found = [line("focal_loss", "better", -0.12, 0.05)]
    root = parse(render(content(strategies=("none", "focal_loss"), metric="log_loss", lines=found)))
    drawn = [text.text for text in root.all("svg")[0].all("text")]
    assert "← better" in drawn
    assert "worse →" in drawn
    assert "better than plain training by 0.120 of log loss" in root.all("h1")[0].text
