"""What a record and another process must be able to take up: parameters, plan, the strategy."""

import json
import pickle

from harness.conformance.law import Broken, Law
from harness.conformance.subject import Subject, in_one_line
from harness.strategy import Strategy


def _survives(subject: Subject) -> None:
    for planned in subject.planned():
        strategy = planned.strategy
        _as_json(subject, strategy)
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


def _as_json(subject: Subject, strategy: Strategy) -> None:
    try:
        told = strategy.model_dump(mode="json")
        json.dumps(told, allow_nan=False)
        again = subject.kind(**told)
    except Exception as error:  # whatever pydantic meets in a stranger's class
        raise Broken(
            f"its recorded parameters can't be read back: {in_one_line(error)}; use fields of "
            "numbers, texts, lists and dicts, which JSON has too"
        ) from error
    if again != strategy:
        changed = [key for key in told if getattr(again, key, None) != getattr(strategy, key, None)]
        raise Broken(
            f"parameter {changed[0] if changed else '?'!r} is another one after it was recorded "
            "and read back; use a type that JSON keeps"
        )


RECORD = Law(
    "parameters survive the record",
    "a trial is repeated from its record, in other processes too",
    _survives,
)
