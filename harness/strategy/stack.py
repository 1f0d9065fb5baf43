"""Several strategies, applied one after the other: `undersampling+focal_loss`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import TrialFailed, UserError, reason, unknown
from harness.strategy.base import Strategy, build

if TYPE_CHECKING:
    import numpy as np

    from harness.data.examples import Examples
    from harness.plan.plan import Plan


class FeatureSpace(Protocol):
    """What a frozen network sees of images."""

    def features(self, examples: Examples) -> Examples:
        """Return the features of images."""

    def images(self, examples: Examples) -> Examples:
        """Return the images of features; raises UserError where there are none."""


@dataclass(frozen=True)
class Stack:
    """Named strategies that are applied one after the other: `undersampling+focal_loss`."""

    parts: tuple[tuple[str, Strategy], ...]

    @property
    def name(self) -> str:
        """The parts' names, joined by plus signs."""
        return "+".join(name for name, _ in self.parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter; in a stack of several, as `strategy.parameter`."""
        if len(self.parts) == 1:
            return self.parts[0][1].model_dump(mode="json")
        return {
            f"{name}.{key}": value
            for name, part in self.parts
            for key, value in part.model_dump(mode="json").items()
        }

    def rebuilt(self) -> Stack:
        """Return the same stack of strategies that are made anew from their parameters."""
        return Stack(
            tuple((name, build(name, type(part), dict(part))) for name, part in self.parts)
        )

    def plan(self, base: Plan, rng: np.random.Generator, space: FeatureSpace | None = None) -> Plan:
        """Apply each part in turn; in a `space` of features, those that alter images get images.

        Raises:
            UserError: two parts set the same field of the same phase, or a part changes the
                training examples after another has looked at them.
            TrialFailed: a part's own code breaks down.

        """
        from harness.plan.plan import changed_fields, names_after

        setters: dict[str, str] = {}
        plan = base
        for name, part in self.parts:
            after = on_images(part, plan, space, partial(_planned, name, part, rng))
            changed = changed_fields(plan, after)
            setters = {
                new: setter
                for field, setter in setters.items()
                for new in names_after(field, plan, after)
            }
            if "train" in changed and setters:
                earlier = next(iter(setters.values()))
                raise UserError(
                    f"strategies can't be stacked in this order: {name!r} changes the training "
                    f"examples that {earlier!r} has already looked at; write {name}+{earlier}"
                )
            for field in sorted(changed):
                if field in setters:
                    raise UserError(
                        f"strategies {setters[field]!r} and {name!r} can't be stacked: "
                        f"both set {field}; use one of them"
                    )
                setters[field] = name
            plan = after
        return plan


def on_images(
    part: Strategy, base: Plan, space: FeatureSpace | None, plan: Callable[[Plan], Plan]
) -> Plan:
    """Return a part's plan; one that alters images sees images, and gets their features back."""
    if space is None or not part.alters_images:
        return plan(base)
    images = space.images(base.train)
    after = plan(replace(base, train=images))
    same = after.train is images
    return replace(after, train=base.train if same else space.features(after.train))


def _planned(name: str, part: Strategy, rng: np.random.Generator, base: Plan) -> Plan:
    """Return a strategy's plan; a stranger's code may break down in any way."""
    from harness.plan.plan import Plan

    try:
        after = part.plan(base, rng)
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        source = inspect.getsourcefile(type(part))
        why = reason(error, Path(source) if source else None)
        raise TrialFailed(f"strategy {name!r} broke down in plan(): {why}") from error
    if not isinstance(after, Plan):
        raise TrialFailed(f"strategy {name!r}: plan() must return a harness.Plan, not {after!r}")
    if not (isinstance(after.batch_size, int) and after.batch_size >= 1):
        raise TrialFailed(
            f"strategy {name!r}: plan() sets batch_size to {after.batch_size!r}, which must be a "
            "whole number, 1 or more"
        )
    return after


def assign(parameters: dict[str, Any], kinds: Sequence[tuple[str, type[Strategy]]]) -> Stack:
    """Give each parameter to the strategy that it belongs to, and make the stack.

    In a stack, `gamma` goes to the only part that has it, `focal_loss.gamma` to that part.
    """
    shares: dict[str, dict[str, Any]] = {name: {} for name, _ in kinds}
    for key, value in parameters.items():
        owner, _, field = key.rpartition(".")
        owners = [name for name, kind in kinds if field in kind.model_fields]
        if owner and owner not in shares:
            raise UserError(unknown("strategy", owner, shares) + f" in parameter {key!r}")
        if not owner and len(owners) > 1:
            choices = " or ".join(f"{name}.{field}" for name in owners)
            raise UserError(f"parameter {field!r} is ambiguous: say {choices}")
        share = shares[owner or (owners[0] if owners else kinds[0][0])]
        if field in share:
            raise UserError(f"parameter {field!r} is given twice; give it once")
        share[field] = value
    return Stack(tuple((name, build(name, kind, shares[name])) for name, kind in kinds))
