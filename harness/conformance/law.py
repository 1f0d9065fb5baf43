"""What a law of the conformance suite is, and what comes of holding a strategy against it."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.conformance.subject import NoPlan, Refused, Subject, in_one_line


class Broken(Exception):
    """A law does not hold: one line that says what broke, and how to mend it."""


@dataclass(frozen=True)
class Law:
    """Something that holds for every right strategy, and why it must.

    `check` raises Broken where it does not hold; what it returns is a remark, such as that the
    strategy has nothing that the law speaks of.
    """

    name: str
    why: str
    check: Callable[[Subject], str | None]


@dataclass(frozen=True)
class Verdict:
    """Whether a law holds for a strategy; the message of a broken one, or a remark."""

    law: str
    holds: bool
    message: str


def judge(law: Law, subject: Subject) -> Verdict:
    """Hold a strategy against a law; whatever else goes wrong breaks the law too.

    Raises:
        Refused: the strategy gives no plan with these parameters.

    """
    try:
        return Verdict(law.name, True, law.check(subject) or "")
    except (Broken, NoPlan) as broken:
        return Verdict(law.name, False, str(broken))
    except (Refused, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's strategy may fail in any way
        message = f"the check ended in {in_one_line(error)}; mend what breaks before it first"
        return Verdict(law.name, False, message)
