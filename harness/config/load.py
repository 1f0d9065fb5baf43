"""From YAML files and `key=value` overrides to an `Experiment`, or to one line on what is wrong."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.config.backbones import HUB, preset_folder
from harness.config.data import HUGGING_FACE
from harness.config.experiment import Experiment
from harness.config.explain import Steps, dotted, explain
from harness.config.model import NO_WEIGHTS, PRETRAINED
from harness.config.written import as_written
from harness.config.yaml_text import dump, parse, show
from harness.errors import UserError, unknown

Override = tuple[tuple[str, ...], object]
Raw = dict[str, object]
DEFAULT = "digits"
PLACES = {"data": ("path", "root"), "model": ("weights",)}
NO_PLACES = (PRETRAINED, NO_WEIGHTS)
GONE = {
    "miss_cost": "what it costs to miss one of class A is {A: {OTHER: 10}}",
    "false_alarm_cost": "what a false alarm of class A costs is {OTHER: {A: 10}}",
}


def load(
    config: str | None = None, overrides: Sequence[str] = (), network_from: Path | None = None
) -> Experiment:
    """Return the experiment of a file (or of a shipped name) after `a.b=c` overrides.

    A relative `data.path` or `data.root` counts from the file's folder; in an override, from the
    current directory. `network_from` is the file or folder that the network's code is taken from.
    Raises `UserError` for whatever is wrong with the file, a key or a value.
    """
    path = _find(config)
    raw = _anchored(_read(path), path.parent)
    _check_names_no_code(raw, str(path))
    _check_names_no_old_key(raw, str(path))
    changes = [_split(pair, "--set", "train.epochs=5") for pair in overrides]
    raw = _without_old_kinds(raw, changes)
    for change in changes:
        raw = _changed(raw, change)
    _check_names_no_code(raw, "--set")
    _check_names_no_old_key(raw, "--set")
    raw = _with_kinds(raw)
    try:
        return _with_code(Experiment.model_validate(raw), network_from)
    except ValidationError as error:
        steps, line = explain(Experiment, raw, error.errors(include_url=False))
        where = "--set" if _is_changed(steps, changes) else str(path)
        raise UserError(f"{where}: {line}") from error
    except RecursionError as error:
        raise UserError(f"{path}: a value contains itself; write it out instead") from error


def parameters(pairs: Sequence[str]) -> dict[str, object]:
    """Return the strategy parameters of `gamma=2` pairs, the values read as YAML."""
    split = [_split(pair, "-p", "gamma=2") for pair in pairs]
    return {".".join(steps): value for steps, value in split}


def resolved(experiment: Experiment) -> str:
    """Return the experiment as YAML, with every default filled in."""
    return dump(experiment.model_dump(mode="json", by_alias=True))


def shipped() -> dict[str, Path]:
    """Return the experiments that come with the program: name to file."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _check_names_no_code(raw: Raw, where: str) -> None:
    model = raw.get("model")
    if isinstance(model, Mapping) and "network_from" in model:
        raise UserError(
            f"{where}: model.network_from: code is taken only from where the command line says: "
            "--network-from FILE_OR_FOLDER"
        )


def _check_names_no_old_key(raw: Raw, where: str) -> None:
    evaluation = raw.get("evaluation")
    for key, instead in GONE.items():
        if isinstance(evaluation, Mapping) and key in evaluation:
            raise UserError(
                f"{where}: evaluation.{key} is now part of evaluation.costs, by true class and "
                f"then the class that it is taken for: {instead}"
            )


def _with_code(experiment: Experiment, network_from: Path | None) -> Experiment:
    if network_from is None:
        return experiment
    place = _expanded(str(network_from)).absolute()
    if not place.exists():
        raise UserError(f"--network-from {network_from}: no such file or folder")
    model = experiment.model.model_copy(update={"network_from": place})
    return experiment.model_copy(update={"model": model})


def _find(config: str | None) -> Path:
    known = shipped()
    if config is None:
        return known[DEFAULT]
    if not config.strip():
        raise UserError("-c is empty; give a YAML file or the name of a shipped experiment")
    path = _expanded(config)
    if os.path.isfile(path):  # noqa: PTH113  (pathlib's may raise)
        return path.absolute()
    before = "configs/" if config.startswith("configs/") else ""
    after = ".yaml" if config.endswith(".yaml") else ""
    name = config.removeprefix(before).removesuffix(after)
    if name in known:
        return known[name]
    if os.path.isdir(path):  # noqa: PTH112
        raise UserError(f"{config} is a directory; give the YAML file in it")
    if "/" in name or "\\" in name:
        raise UserError(f"no file {config} (shipped experiments: {', '.join(known)})")
    spelt = [f"{before}{known_name}{after}" for known_name in known]
    raise UserError(unknown("experiment or file", config, spelt))


def _read(path: Path) -> Raw:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8") from error
    content = parse(text, str(path))
    if content is None:
        raise UserError(f"{path}: empty; give at least one key, for instance 'name: {path.stem}'")
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: holds {show(content, 30)}, not keys; write 'key: value' lines, "
            f"with the keys {', '.join(Experiment.model_fields)}"
        )
    return content


def _split(pair: str, option: str, example: str) -> Override:
    key, equals, text = pair.partition("=")
    steps = tuple(step.strip() for step in key.split("."))
    if not equals or not all(steps):
        raise UserError(f"{option} {pair!r}: write key=value, for instance {option} {example}")
    return steps, parse(text, f"{option} {dotted(steps)}")


def _kinds() -> dict[str, tuple[str, object]]:
    """Sections that come in kinds: the key that tells which, and the one taken without it."""
    return {
        name: (field.discriminator, getattr(field.default, field.discriminator))
        for name, field in Experiment.model_fields.items()
        if isinstance(field.discriminator, str)
    }


def _with_kinds(raw: Raw) -> Raw:
    filled = dict(raw)
    for name, (key, default) in _kinds().items():
        section = raw.get(name)
        if isinstance(section, dict):
            filled[name] = {key: default, **section}
    return filled


def _without_old_kinds(raw: Raw, changes: Sequence[Override]) -> Raw:
    """Empty each section whose kind is changed: its other keys belong to the old kind."""
    kept = dict(raw)
    for name, (key, default) in _kinds().items():
        asked = [value for steps, value in changes if steps == (name, key)]
        section = raw.get(name)
        old = section.get(key, default) if isinstance(section, dict) else default
        if asked and asked[-1] != old:
            kept[name] = {}
    return kept


def _changed(raw: Raw, change: Override) -> Raw:
    steps, value = change
    if len(steps) == 2:
        value = _whole(raw.get(steps[0]), steps[0], steps[1], value, Path.cwd())
    elif len(steps) == 1:
        value = _anchored({steps[0]: value}, Path.cwd())[steps[0]]
    return _replaced(raw, steps, value, dotted(steps))


def _replaced(raw: Raw, steps: tuple[str, ...], value: object, key: str) -> Raw:
    step = steps[0]
    if len(steps) == 1:
        return {**raw, step: value}
    inner = raw.get(step)
    if inner is None:
        inner = {}
    if not isinstance(inner, dict):
        raise UserError(f"--set {key}: {step} is {show(inner)} and has no keys; set it as a whole")
    return {**raw, step: _replaced(inner, steps[1:], value, key)}


def _is_changed(steps: Steps, changes: Sequence[Override]) -> bool:
    """Tell whether an override set the value at `steps`, or the kind that asks for it."""
    texts = tuple(str(step) for step in steps)
    kinds = {(name, key) for name, (key, _) in _kinds().items()}
    return any(
        texts[: len(changed)] == changed[: len(texts)]
        or (changed in kinds and texts[:1] == changed[:1])
        for changed, _ in changes
    )


def _anchored(raw: Raw, folder: Path) -> Raw:
    """Return the keys with every path as a whole one, counted from a folder."""
    return {
        name: {key: _whole(section, name, key, value, folder) for key, value in section.items()}
        if isinstance(section, Mapping)
        else section
        for name, section in raw.items()
    }


def _whole(section: object, name: str, key: str, value: object, folder: Path) -> object:
    """Return a value with a path in it as a whole one, which counts from a folder."""
    if key in PLACES.get(name, ()):
        return _placed_in(section, value, folder)
    preset = preset_folder(value) if isinstance(value, str) else None
    if (name, key) == ("model", "name") and preset is not None:
        return f"{HUB}{_placed(str(preset), folder)}"
    return value


def _placed_in(section: object, path: object, folder: Path) -> object:
    """Return a section's path as a whole one, but the name of a data set elsewhere as it is."""
    placed = _placed(path, folder)
    elsewhere = isinstance(section, Mapping) and section.get("source") == HUGGING_FACE
    return path if elsewhere and not os.path.exists(str(placed)) else placed  # noqa: PTH110


def _placed(path: object, folder: Path) -> object:
    """Return a path, which may look like a number, as a whole one; what is no path as it is."""
    text = path if isinstance(path, bool) else as_written(path)
    if not isinstance(text, str) or text in NO_PLACES:
        return path
    return str((folder / _expanded(text)).absolute())


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: no such user's home; write the path in full") from error
