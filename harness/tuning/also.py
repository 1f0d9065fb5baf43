"""Shared training settings that join a search: `--also train.learning_rate=1e-4..1e-1:log`."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from harness.config.experiment import Experiment, Train
from harness.config.yaml_text import parse
from harness.errors import UserError, unknown
from harness.tuning.dimension import Dimension, Number, OneOf, plain_types

EXAMPLE = "--also train.learning_rate=1e-4..1e-1:log"
BUDGET = ("epochs", "examples", "budget", "threads", "precision")
TUNABLE = tuple(name for name in Train.model_fields if name not in BUDGET)


def settings(experiment: Experiment, entries: Iterable[str]) -> tuple[Dimension, ...]:
    """Return the searched settings, each checked against what the configuration accepts.

    A setting is `train.FIELD=LOW..HIGH`, with `:log` for a log scale, or `train.FIELD=A,B,C`.

    Raises:
        UserError: bad syntax, an unknown or doubled field, an inverted range, or a value that the
            configuration refuses.

    """
    found: dict[str, Dimension] = {}
    for text in entries:
        dimension = _parsed(text)
        if dimension.name in found:
            raise UserError(f"--also {dimension.name} is given twice; give it once")
        for value in dimension.ends:
            with_settings(experiment, {dimension.name: value})
        found[dimension.name] = dimension
    return tuple(found.values())


def with_settings(experiment: Experiment, values: dict[str, Any]) -> Experiment:
    """Return an experiment with other training settings; raises UserError for a refused value."""
    changed = {name.removeprefix("train."): value for name, value in values.items()}
    raw = experiment.train.model_dump() | changed
    try:
        return experiment.model_copy(update={"train": Train.model_validate(raw)})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"--also train.{first['loc'][0]}: {first['msg']}, not {first['input']!r}"
        ) from error


def _parsed(text: str) -> Dimension:
    name, equals, search = text.partition("=")
    name, search = name.strip(), search.strip()
    if not equals or not search:
        raise UserError(
            f"--also {text!r}: write name=low..high or name=a,b, for instance {EXAMPLE}"
        )
    section, _, field = name.partition(".")
    if section != "train":
        raise UserError(f"--also {name}: only settings of train can be tuned, as in {EXAMPLE}")
    if field in BUDGET:
        raise UserError(f"--also {name}: that is the budget, which every trial has in common")
    if field not in TUNABLE:
        raise UserError(unknown("setting", name, [f"train.{known}" for known in TUNABLE]))
    where = f"--also {name}"
    if ".." in search:
        ends, _, scale = search.partition(":")
        if scale not in ("", "log"):
            raise UserError(f"{where}: after the range may stand :log, not :{scale}")
        low, high = (_number(where, end) for end in ends.split("..", 1))
        kinds = plain_types(Train.model_fields[field].annotation)
        if not kinds & {int, float}:
            raise UserError(f"{where}: takes no range; name its values, as in {name}=a,b")
        return Number(name, low, high, scale == "log", whole=float not in kinds)
    return OneOf(name, tuple(parse(part, where) for part in search.split(",")))


def _number(where: str, text: str) -> float:
    value = parse(text, where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: {text!r} is no number; write low..high, for instance {EXAMPLE}")
    return value
