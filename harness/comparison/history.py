"""The looks that were taken at a family of comparisons, as their runs in the record hold them."""

import json

from harness.comparison.identity import Identity
from harness.comparison.looks import NEW, Family
from harness.comparison.verdict import FEWEST_SEEDS
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
        store.tag(
            run_id,
            {
                FAMILY: identity.family,
                LOOKS: json.dumps(kept),
                MEMBERS: json.dumps(now.strategies),
            },
        )
    return now


def _newest(store: Store, family: str) -> Family:
    """What the run knows that knows most, as looks and members are only ever added."""
    known = [
        Family(tuple(json.loads(run.tags[LOOKS])), tuple(json.loads(run.tags[MEMBERS])))
        for run in store.runs(f"tags.{FAMILY} = '{family}'")
    ]
    return max(known, key=lambda each: (len(each.looks), len(each.strategies)), default=NEW)
