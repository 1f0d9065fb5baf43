"""Makes the tables of `docs/every_strategy.md`.

    .venv/bin/python benchmarks/every_strategy.py [PART ...]

Parts are `every` (all strategies, 8 epochs, 5 seeds) and `longer` (seven of them, 40 epochs, 3
seeds). Trials that are recorded are not run again. An hour on two processor cores.
"""

import argparse
from pathlib import Path

from pages import both, table

ROOT = Path(__file__).resolve().parents[1]
FEW = (
    "none",
    "balanced_class_weight",
    "deferred_reweighting",
    "oversampling",
    "balanced_softmax",
    "ldam",
    "ldam+deferred_reweighting",
)
LONGER = ("--set", "train.epochs=40", "--set", "name=fashion_longer", "--seeds", "3")
ASKED = {
    "every": ("-c", "fashion_every_strategy", "--jobs", "2"),
    "longer": (*FEW, "-c", "fashion_long_tail", *LONGER, "--jobs", "2"),
}


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(ASKED))
    for part in parser.parse_args().parts:
        documents = both(ASKED[part], ROOT / "pools" / f"{part}.json")
        print(f"\n## {documents[0]['experiment']}\n\n{table(documents, corrected=True)}")


if __name__ == "__main__":
    main()
