"""What a record and another process must be able to take up: parameters, plan, the strategy."""

import json
import pickle

from harness.conformance.effect import effect, first_difference
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Planned, Subject, in_one_line, plan_of
from harness.strategy.base import Strategy, build


def _survives(subject: Subject) -> None:
    for planned in subject.planned():
        strategy = planned.strategy
        _as_json(subject, planned)
        try:
            same = pickle.loads(pickle.dumps(strategy)) == strategy
        except Exception as error:  # whatever pickle meets in a stranger's class
            raise Broken(
                f"the strategy can't be sent to another process: {in_one_line(error)}; define its "
                "class at the top of a module, and let its fields be plain data"
            ) from error
        if not same:
            raise Broken(
                "the strategy is another one after pickling; keep all that it knows in its fields"
            )


def _as_json(subject: Subject, planned: Planned) -> None:
    strategy = planned.strategy
    try:
        document = strategy.model_dump(mode="json")
        json.dumps(document, allow_nan=False)
        again = build(subject.name, subject.kind, document)
    except Exception as error:  # whatever pydantic meets in a stranger's class
        raise Broken(
            f"its recorded parameters can't be read back: {in_one_line(error)}; use fields of "
            "numbers, texts, lists and dicts, which JSON has too"
        ) from error
    if again != strategy and not _plans_alike(planned, again):
        raise Broken(
            "with its parameters recorded and read back, the strategy makes another plan "
            f"({planned.case.name}); use types that JSON keeps"
        )


def _plans_alike(planned: Planned, again: Strategy) -> bool:
    """Say whether what JSON changed makes no difference, such as numbers for keys."""
    plans = (plan_of(each, planned.case.base()) for each in (planned.strategy, again))
    one, other = (effect(plan, losses=False) for plan in plans)
    return first_difference(one, other) is None


RECORD = Law(
    "parameters survive the record",
    "a trial is repeated from its record, in other processes too",
    _survives,
)
