"""The looks that were taken at a family of comparisons, as their runs in the record hold them."""

import json
from collections.abc import Iterable, Sequence

from harness.comparison.identity import Identity
from harness.comparison.looks import FEWEST_SEEDS, NEW, Family, together
from harness.tracking.run import RecordedRun
from harness.tracking.store import Store

FAMILY, LOOKS, MEMBERS = "family", "looks", "family_members"


def look(store: Store, run_id: str, identity: Identity, seeds: int) -> Family:
    """Record a look at so many seeds under a comparison's run; return the family as it is now.

    Commands that divide one family among them, with the same data, baseline and metric, share
    their looks: each run holds all that came before it. An earlier number of seeds is no new look,
    nor are too few for a verdict.
    """
    with store.claim(f"looks-{identity.family}"):
        before = _newest(store, identity.family)
        now = before.and_now(seeds, identity.members)
        old = seeds in before.looks or seeds < FEWEST_SEEDS
        kept = before.looks if old else now.looks
        store.tag(run_id, _tags(identity.family, Family(kept, now.strategies)))
    return now


def take_over(store: Store, run_id: str, runs: Sequence[RecordedRun], seeds: int) -> Family:
    """Record the looks that were taken elsewhere at a comparison, as its `runs` there hold them.

    They count from now on, beside those of the record. So do so many seeds, which are looked at.
    Returns all that count.
    """
    found = []
    families = {run.tags[FAMILY] for run in runs if FAMILY in run.tags}
    for family in families:
        with store.claim(f"looks-{family}"):
            known = [_known(run) for run in runs if run.tags.get(FAMILY) == family]
            now = together([_newest(store, family), *known, Family((seeds,))])
            store.tag(run_id, _tags(family, now))
            found.append(now)
    return together(found)


def judged_before(run: RecordedRun, others: Iterable[RecordedRun]) -> Family:
    """Return the looks and strategies of a comparison's family until it ended, of all `others`."""
    return together(
        _known(each)
        for each in others
        if FAMILY in run.tags
        and each.tags.get(FAMILY) == run.tags[FAMILY]
        and (run.ended is None or each.ended is None or each.ended <= run.ended)
    )


def _newest(store: Store, family: str) -> Family:
    """What the run knows that knows most, as looks and members are only ever added."""
    known = map(_known, store.runs(f"tags.{FAMILY} = '{family}'"))
    return max(known, key=lambda each: (len(each.looks), len(each.strategies)), default=NEW)


def _known(run: RecordedRun) -> Family:
    return Family(tuple(json.loads(run.tags[LOOKS])), tuple(json.loads(run.tags[MEMBERS])))


def _tags(family: str, known: Family) -> dict[str, str]:
    return {
        FAMILY: family,
        LOOKS: json.dumps(known.looks),
        MEMBERS: json.dumps(known.strategies),
    }
