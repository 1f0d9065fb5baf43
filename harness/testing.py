"""The conformance suite for a strategy's own tests.

@pytest.mark.parametrize("law", strategy_laws("focal_loss"), ids=str)
def test_it_keeps_the_law(law: StrategyLaw) -> None:
    law()
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.conformance.law import Broken, Law, judge
from harness.conformance.laws import LAWS, verdicts
from harness.conformance.subject import Subject
from harness.errors import UserError
from harness.strategy.base import Strategy, build
from harness.strategy.registry import kinds

__all__ = ["Broken", "StrategyLaw", "check_strategy", "strategy_laws", "subject"]


@dataclass(frozen=True)
class StrategyLaw:
    """A law and the strategy to hold against it: call it; its text is the law's name."""

    law: Law
    subject: Subject

    def __str__(self) -> str:
        return self.law.name

    def __call__(self) -> None:
        """Check the law; raises Broken with what broke and how to mend it."""
        verdict = judge(self.law, self.subject)
        if not verdict.holds:
            raise Broken(f"{self.subject.name}: {self.law.name}: {verdict.message}")


def strategy_laws(
    strategy: str | type[Strategy], parameters: Mapping[str, Any] | None = None
) -> list[StrategyLaw]:
    """Return every law for a strategy, given by its name or its class, to parametrise a test.

    Raises:
        UserError: the name is unknown, or a required parameter has no value.

    """
    held = subject(strategy, parameters)
    return [StrategyLaw(law, held) for law in LAWS]


def check_strategy(
    strategy: str | type[Strategy], parameters: Mapping[str, Any] | None = None
) -> None:
    """Hold a strategy against every law.

    Raises:
        UserError: the name is unknown, or the parameters give no plan.
        Broken: laws do not hold; the message has a line for each.

    """
    held = subject(strategy, parameters)
    broken = [each for each in verdicts(held) if not each.holds]
    if broken:
        raise Broken("\n".join(f"{held.name}: {each.law}: {each.message}" for each in broken))


def subject(
    strategy: str | type[Strategy],
    parameters: Mapping[str, Any] | None = None,
    plugins: Iterable[Path] = (),
) -> Subject:
    """Return the strategy as the suite takes it; raises UserError where there is none."""
    if not isinstance(strategy, str):
        name, kind = strategy.__name__, strategy
    elif "+" in strategy:
        raise UserError(f"strategy {strategy!r}: check one strategy at a time")
    else:
        ((name, kind),) = kinds(strategy, plugins)
    chosen = dict(parameters or {})
    if set(chosen) - set(kind.model_fields):
        build(name, kind, chosen)  # says which is unknown, before any is missed
    return Subject(name, kind, chosen)
