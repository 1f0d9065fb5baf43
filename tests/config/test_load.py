import pickle
from pathlib import Path

import pytest

from harness.config.experiment import Experiment
from harness.config.load import load, parameters, resolved, shipped
from harness.data import prepare
from harness.errors import UserError


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(config: str | None, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        load(config, overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_without_a_file_it_is_digits_from_any_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = load(None, [])
    assert (experiment.name, experiment.data.source) == ("digits", "digits")
    assert (experiment.imbalance.kind, experiment.imbalance.ratio) == ("step", 25)


@pytest.mark.parametrize("name", sorted(shipped()))
@pytest.mark.parametrize("form", ["{}", "{}.yaml", "configs/{}.yaml"])
def test_every_shipped_experiment_loads_by_name(name, form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(load(form.format(name), []), Experiment)


def test_a_file_in_the_current_directory_comes_before_a_shipped_one(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/digits.yaml").write_text("name: own\n")
    monkeypatch.chdir(tmp_path)
    assert load("configs/digits.yaml", []).name == "own"


def test_a_relative_path_counts_from_the_file_and_in_an_override_from_here(tmp_path, monkeypatch):
    config = written(tmp_path, "data: {source: folder, path: images}\n")
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load(config, []).data.path == str(tmp_path / "images")
    assert load("../mine.yaml", []).data.path.endswith("images")
    assert load(config, ["data.path=images"]).data.path == str(here / "images")
    assert load(config, ["data={source: folder, path: x}"]).data.path == str(here / "x")
    assert load(config, ["data.path=~/pictures"]).data.path == str(tmp_path / "home/pictures")


def test_a_relative_root_counts_as_a_relative_path_does(tmp_path, monkeypatch):
    config = written(tmp_path, "data: {source: table, path: t.csv, root: images}\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(config, []).data.root == str(tmp_path / "images")
    assert load(config, ["data.root=here"]).data.root == str(tmp_path / "elsewhere" / "here")
    assert load(config, ["data.root=null"]).data.root is None


def test_a_column_may_be_passed_over_but_not_be_any_value(tmp_path):
    config = written(tmp_path, "data: {source: table, path: t.csv, split_column: false}\n")
    assert load(config, []).data.split_column is False
    assert "must stand in quotes" in refusal(config, "data.group_column=true")


@pytest.mark.parametrize(("pattern", "said"), [("(a", "no regular expression"), ("a", "brackets")])
def test_a_group_pattern_that_cannot_work_is_refused(tmp_path, pattern, said):
    config = written(tmp_path, "data: {source: folder, path: x}\n")
    line = refusal(config, f"data.group_pattern={pattern}")
    assert line.startswith("--set: data.group_pattern is")
    assert said in line


def test_values_are_yaml_and_a_whole_number_passes_as_a_float():
    experiment = load(
        None,
        ["train.learning_rate=1e-3", "train.patience=", "train.weight_decay=1", "data.classes=[1]"],
    )
    assert experiment.train.learning_rate == 0.001
    assert experiment.train.patience is None
    assert experiment.train.weight_decay == 1.0
    assert experiment.data.classes == ["1"]


def test_changing_the_kind_drops_the_old_keys_but_keeps_those_that_are_set_too():
    assert load(None, ["imbalance.kind=none"]).imbalance.kind == "none"
    switched = load("folder", ["data.source=idx"])
    assert (switched.data.source, switched.data.path) == ("idx", None)
    tailed = load(None, ["imbalance.ratio=10", "imbalance.kind=long_tail"])
    assert (tailed.imbalance.kind, tailed.imbalance.ratio) == ("long_tail", 10)
    same = load(None, ["imbalance.kind=step"])
    assert same.imbalance.ratio == 25


def test_a_section_without_its_kind_takes_the_default_kind(tmp_path):
    config = written(tmp_path, "data: {classes: [0, 1]}\nimbalance: {test: keep}\n")
    experiment = load(config, [])
    assert (experiment.data.source, experiment.imbalance.kind) == ("digits", "none")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trian.epochs=3", ["unknown key", "'trian'", "did you mean 'train'"]),
        ("train.epoch=3", ["unknown key in train", "'epoch'", "did you mean 'epochs'"]),
        ("data.clases=[1]", ["key in data (source: digits)", "did you mean 'classes'"]),
        ("imbalance.ration=3", ["(kind: step)", "did you mean 'ratio'", "known:"]),
        ("data.source=digit", ["data.source 'digit'", "did you mean 'digits'", "folder"]),
        ("data.source=3", ["data.source is 3", "digits or folder or huggingface"]),
        ("imbalance.kind=long-tail", ["imbalance.kind", "did you mean 'long_tail'"]),
        ("imbalance.kind=long_tail", ["imbalance.ratio is missing", "a number at least 1"]),
        ("imbalance.ratio=0.5", ["imbalance.ratio is 0.5", "a number at least 1"]),
        ("train.epochs=0", ["train.epochs is 0", "a whole number more than 0"]),
        ("train.epochs=2.5", ["train.epochs is 2.5", "a whole number"]),
        ("train.epochs=true", ["train.epochs is true", "a whole number"]),
        ("train.epochs=yes", ["train.epochs is 'yes'", "a whole number"]),
        ("train.epochs='20'", ["train.epochs is '20'", "a whole number"]),
        ("train.learning_rate=.inf", ["train.learning_rate is .inf", "a finite number"]),
        ("train.learning_rate=fast", ["train.learning_rate is fast", "a number more than 0"]),
        ("train.optimizer=adm", ["train.optimizer 'adm'", "did you mean 'adam'", "sgd"]),
        ("split.test=1.5", ["split.test is 1.5", "more than 0 and less than 1"]),
        ("train=7", ["train is 7", "a section with the keys epochs"]),
        ("train=", ["train is null", "a section with the keys epochs"]),
        ("data=", ["data is null"]),
        ("data.classes=[1, [2]]", ["data.classes[1] is [2]", "text"]),
        ("data.classes=[1, true]", ["data.classes[1] is true", "must stand in quotes"]),
        ("evaluation.target_prior=unifrm", ["unifrm", "uniform or train, or a mapping"]),
        ("evaluation.target_prior={a: -1}", ["target_prior.a is -1", "more than 0"]),
        ("record.save_model=1", ["record.save_model is 1", "true or false"]),
        ("name=", ["name is null", "text"]),
        ("name.x=1", ["name is digits and has no keys"]),
        ("train.epochs", ["write key=value"]),
        ("=3", ["write key=value"]),
        ("train..epochs=3", ["write key=value"]),
        ("train.epochs=[", ["train.epochs", "not valid YAML"]),
        ("train.epochs={a: 1, a: 2}", ["'a' stands here twice"]),
    ],
)
def test_a_wrong_override_gets_one_line_with_key_value_and_what_is_allowed(override, words):
    line = refusal(None, override)
    assert line.startswith("--set")
    for word in words:
        assert word in line


def test_the_kind_of_a_section_does_not_show_up_in_the_key(tmp_path):
    config = written(tmp_path, "data: {source: folder, path: x, image_size: [28]}\n")
    line = refusal(config)
    assert config in line
    assert "data.image_size is [28]; allowed: a list of 2, each a whole number more than 0" in line
    assert "imbalance.counts.a is 0" in refusal(None, "imbalance={kind: counts, counts: {a: 0}}")
    assert "imbalance.class is missing" in refusal(None, "imbalance.kind=one_vs_rest")
    assert "did you mean 'class'" in refusal(
        None, "imbalance.kind=one_vs_rest", "imbalance.class_=3"
    )


def test_a_class_called_like_its_source_keeps_its_place_in_the_key(tmp_path):
    config = written(tmp_path, "imbalance: {kind: counts, counts: {counts: 0}}\n")
    assert "imbalance.counts.counts is 0" in refusal(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("# only a comment\n", ["empty"]),
        ("- a\n- b\n", ["not keys"]),
        ("train: [\n", ["line 2", "not valid YAML"]),
        ("train:\n  epochs: 3\n  epochs: 4\n", ["line 3", "'epochs' stands here twice"]),
        ("a: 1\n---\nb: 1\n", ["line 2", "single document"]),
        ("name: !!python/object:os.system {}\n", ["not valid YAML"]),
        ("name: \x07\n", ["not valid YAML"]),
        ("[" * 5000, ["nested too deeply"]),
        ("3: 4\n", ["unknown key", "'3'"]),
        ("? [a]\n: 4\n", ["not valid YAML"]),
        ("train: &t {epochs: *t}\n", ["train.epochs"]),
    ],
)
def test_a_broken_file_gets_one_line(tmp_path, text, words):
    config = written(tmp_path, text)
    line = refusal(config)
    for word in [config, *words]:
        assert word in line


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    assert "unknown experiment or file 'digts'; did you mean 'digits'?" in refusal("digts")
    assert "'digts.yaml'; did you mean 'digits.yaml'?" in refusal("digts.yaml")
    assert "'configs/digts.yaml'; did you mean 'configs/digits.yaml'?" in refusal(
        "configs/digts.yaml"
    )
    assert "shipped experiments: " in refusal(str(tmp_path / "none.yaml"))
    assert "is a directory" in refusal(str(tmp_path))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00name")
    assert "UTF-8" in refusal(str(binary))


def test_parameters_are_read_the_same_way():
    pairs = ["gamma=2", "power=1e-1", "weights={a: 1, 2: 3}", "alpha=balanced", "normalize=false"]
    assert parameters(pairs) == {
        "gamma": 2,
        "power": 0.1,
        "weights": {"a": 1, "2": 3},
        "alpha": "balanced",
        "normalize": False,
    }
    with pytest.raises(UserError, match="-p 'gamma': write key=value"):
        parameters(["gamma"])


def test_a_limited_validation_set_refuses_metrics_that_go_by_class_shares() -> None:
    limited = "split.validation_per_class=100"
    assert load("digits", [limited, "evaluation.metric=g_mean"])
    with pytest.raises(
        UserError, match=r"metric f1_macro goes by class shares, which split\.valid"
    ):
        load("digits", [limited, "evaluation.metric=f1_macro"])


CODE = "model.network_from: code is taken only from where the command line says: --network-from"


def test_no_configuration_says_which_code_runs(tmp_path):
    config = written(tmp_path, "model: {name: net, network_from: nets.py}\n")
    assert refusal(config) == f"{config}: {CODE} FILE_OR_FOLDER"
    assert refusal(None, "model.network_from=nets.py") == f"--set: {CODE} FILE_OR_FOLDER"
    assert refusal(None, "model={network_from: nets.py}") == f"--set: {CODE} FILE_OR_FOLDER"
    assert "(known: backbone_rate, head, name, " in refusal(None, "model.nam=x")


def test_where_the_code_is_travels_with_the_experiment_but_is_not_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").touch()
    experiment = load(None, ["model.name=net"], Path("nets.py"))
    place = tmp_path / "nets.py"
    changed = experiment.model_copy(update={"name": "other"})
    for each in (experiment, changed, pickle.loads(pickle.dumps(experiment))):
        assert each.model.network_from == place
        assert str(place) not in each.model_dump_json()
        assert each.model.model_dump()["name"] == "net"
        assert "network_from" not in each.model.model_dump()
    assert "network_from" not in resolved(experiment)
    assert prepare(experiment, 0).digest == prepare(load(None), 0).digest


def test_code_that_is_nowhere_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--network-from .*absent.py: no such file or folder"):
        load(None, [], tmp_path / "absent.py")
