"""What a reader of a trial's result should know, a line each."""

from harness.plan.plan import Plan
from harness.plan.prior import EffectivePrior, overshoots
from harness.training.schedule import phases_without_epoch
from harness.trial.trial import Trial

FEW_TESTED = 10


def remarks(
    trial: Trial, plan: Plan, prior: EffectivePrior, epochs: int, no_candidates: int = 0
) -> tuple[str, ...]:
    """Return the remarks on a trial; of its epochs, `no_candidates` could not be the best one."""
    lines = [*trial.splits.notes, *plan.notes]
    if skipped := phases_without_epoch(plan.phases, epochs):
        lines.append(
            f"the budget skips {skipped} of the plan's {len(plan.phases)} phases: train.epochs="
            f"{epochs} leaves no epoch for what they ask; take more epochs"
        )
    if no_candidates:
        lines.append(
            f"the best epoch is chosen after the first {no_candidates}: until then the plan trains "
            "other layers, or another head or schedule, and the network is not yet what it asks for"
        )
    if double := overshoots(plan, prior):
        lines.append(double)
    if not prior.exact:
        lines.append("the effective prior is approximate: theory gives none for this plan")
    test = trial.splits.test
    for name, count in zip(test.class_names, test.counts.tolist(), strict=True):
        if count <= FEW_TESTED:
            lines.append(
                f"class {name!r} has {count} test examples: its recall moves in steps of "
                f"{1 / count:.2g}"
            )
    return tuple(lines)
