"""A strategy changes only what it sets, so that it stacks with others."""

from harness.conformance.law import Broken, Law
from harness.conformance.subject import Subject, plan_of
from harness.errors import UserError
from harness.plan.plan import changed_fields


def _leaves_the_rest(subject: Subject) -> None:
    for planned in subject.planned():
        sets = {_bare(each) for each in changed_fields(planned.base, planned.plan)}
        dressed = planned.case.dressed()
        try:
            after = plan_of(planned.strategy, dressed)
        except UserError:
            continue
        undone = {_bare(each) for each in changed_fields(dressed, after)} - sets
        if undone:
            fields = ", ".join(sorted(undone))
            raise Broken(
                f"plan() undoes what an earlier strategy of a stack has set: {fields} "
                f"({planned.case.name}); change fields of the base with dataclasses.replace and "
                "base.in_every_phase(…) instead of making plans and phases afresh"
            )


def _bare(field: str) -> str:
    return field.rpartition(".")[2]


STACKING = Law(
    "leaves alone what it does not set",
    "in a stack, the other strategies' fields must survive",
    _leaves_the_rest,
)
