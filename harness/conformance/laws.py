"""All laws, in the order in which they are checked and shown."""

from harness.conformance.law import Law, Verdict, judge
from harness.conformance.losses import LOSSES
from harness.conformance.neutral import NEUTRAL
from harness.conformance.permutation import PERMUTATION
from harness.conformance.prior import PRIOR
from harness.conformance.processes import PROCESSES
from harness.conformance.purity import PURITY
from harness.conformance.reading import READING
from harness.conformance.record import RECORD
from harness.conformance.sampling import SAMPLING
from harness.conformance.search import SEARCH
from harness.conformance.stacking import STACKING
from harness.conformance.subject import Subject
from harness.conformance.transforms import TRANSFORMS
from harness.conformance.validity import VALIDITY

# Reading comes first: what a strategy has once read and kept, it does not read again.
LAWS: tuple[Law, ...] = (
    READING,
    *VALIDITY,
    *PURITY,
    STACKING,
    PERMUTATION,
    SAMPLING,
    *LOSSES,
    *TRANSFORMS,
    PRIOR,
    NEUTRAL,
    *SEARCH,
    RECORD,
    PROCESSES,
)


def verdicts(subject: Subject) -> list[Verdict]:
    """Hold a strategy against every law; raises UserError where its parameters give no plan."""
    return [judge(law, subject) for law in LAWS]
