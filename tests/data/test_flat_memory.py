"""No step before training copies a pool's pixels: each runs in a process of its own."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from preloaded import python

SMALL, LARGE = 10_000, 300_000
PIXELS = (LARGE - SMALL) * 784 / 2**20  # MiB, 217
INDICES = 60  # MiB that 300,000 labels, positions and ids may take, several times over

PROGRAM = """
import json, resource, sys
import numpy as np
from itertools import islice
from harness.config.experiment import Experiment
from harness.data import forget, prepare
from harness.data.audit import duplicates, identical
from harness.plan.plan import base_plan, describe
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve
from harness.training.feed import chunks, gathered

for step, data, sections, strategies in {steps!r}:
    experiment = Experiment.model_validate(dict(sections, data=dict(
        {{"source": "npy", "path": sys.argv[1]}}, **data)))
    forget()
    splits = prepare(experiment, 0)
    if step == "audit":
        duplicates(splits)
        identical(splits)
    for strategy, parameters in strategies:
        rng = np.random.default_rng(0)
        plan = resolve(strategy, parameters).plan(base_plan(splits.train, experiment), rng)
        describe(plan)
        effective_prior(plan)
        visits = next(plan.phases[0].sampler.passes(plan.train.labels, rng))
        for inputs, labels in islice(gathered(plan.train, chunks(visits, 128, 784)), 16):
            assert inputs.nbytes <= 32 << 20
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

LABEL_BASED = ["none", "balanced_class_weight", "focal_loss", "undersampling", "oversampling"]
LABEL_BASED += [
    "rotating_undersampling",
    "balanced_sampling",
    "logit_adjustment",
    "batch_size_scaling",
]
SMOTE = ("smote", {"options": {"sampling_strategy": {1: 300}}})
NEAR_MISS = ("undersampling", {"sampler": "NearMiss", "components": 4})


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Pools of three classes, the last one rare, whose pixels take no room on the disk."""
    directory = tmp_path_factory.mktemp("pools")
    return sparse(directory / "small", SMALL), sparse(directory / "large", LARGE)


def sparse(directory: Path, count: int) -> Path:
    directory.mkdir()
    for prefix, number in (("", count), ("test_", 300)):
        with (directory / f"{prefix}inputs.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (number, 28, 28)}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + number * 784)
        labels = np.arange(number) % 2
        labels[-100:] = 2
        np.save(directory / f"{prefix}labels.npy", labels)
    return directory


def peaks(pool: Path, program: str) -> list[float]:
    """Return the peak resident memory of a program after each step on a pool, in MiB."""
    done = subprocess.run(
        [python(), "-c", program, str(pool)], check=True, capture_output=True, text=True
    )
    return [int(line) / 1024 for line in done.stdout.split()]


Step = tuple[str, dict[str, object], dict[str, object], list[tuple[str, dict[str, object]]]]
ONE_VS_REST = {"imbalance": {"kind": "one_vs_rest", "class": "2"}}
STEP = {"imbalance": {"kind": "step", "ratio": 2, "minority_classes": 2}}


@pytest.mark.parametrize(
    "steps",
    [
        [
            ("split", {}, {}, []),
            ("classes", {"classes": ["2", "0"]}, {}, []),
            ("relabel", {}, ONE_VS_REST, []),
            ("imbalance", {}, STEP, []),
            ("audit", {}, {}, []),
        ],
        [("plan and feed", {}, {}, [(name, {}) for name in LABEL_BASED])],
        [("samplers", {"classes": ["0", "2"]}, {}, [SMOTE, NEAR_MISS])],
    ],
    ids=lambda steps: ", ".join(name for name, *_ in steps),
)
def test_memory_does_not_grow_with_the_pixels(pools: tuple[Path, Path], steps: list[Step]) -> None:
    """Steps of one process load the same libraries, so that none hides behind another's peak."""
    found = [peaks(pool, PROGRAM.format(steps=steps)) for pool in pools]
    for (name, *_), small, large in zip(steps, *found, strict=True):
        print(f"{name}: {large - small:.0f} MiB more")
        assert large - small < INDICES < PIXELS / 3
