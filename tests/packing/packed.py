"""Packs with made-up trials, written in milliseconds: no record, and nothing is trained."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.comparison.document import results
from harness.comparison.looks import Family
from harness.comparison.mistakes import FACTS, IMAGES, mistakes
from harness.comparison.records import RecordedTrial, Samples
from harness.comparison.summary import summarise
from harness.config.load import load, resolved
from harness.data.audit import Duplicates
from harness.packing import tables
from harness.packing.archive import write_archive
from harness.packing.pack import described, open_pack, place_of
from harness.scoring.decision import RULES, fit
from harness.tracking.run import RecordedRun
from harness.tracking.store import COMPARISON

CLASSES = ("fine", "defect")
N = 80
VERSIONS = {"numpy": "2.4.0", "keras": "3.12.0", "python": "3.11"}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Machine:
    """What decides the results of a machine's trials: versions, settings, code of strategies.

    `weight` is a parameter of each of them, which a search may have found.
    """

    versions: Mapping[str, str] = field(default_factory=lambda: VERSIONS)
    settings: Mapping[str, Any] = field(default_factory=lambda: {"train": {"epochs": 2}})
    code: Mapping[str, str] = field(default_factory=dict)
    weight: float = 2.0

    @property
    def circumstances(self) -> dict[str, Any]:
        return {
            "experiment": dict(self.settings),
            "source": "50a7ce",
            "network": "0e7",
            "harness code": "c0de",
            "versions": dict(self.versions),
        }

    @property
    def conditions(self) -> str:
        return digest(self.circumstances)


HERE = Machine()


def digest(*facts: object) -> str:
    text = json.dumps(facts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def made_run(strategy: str, seed: int, machine: Machine, copy: str = "") -> RecordedRun:
    trial = digest(machine.conditions, strategy, machine.code.get(strategy), machine.weight, seed)
    metrics = {
        "validation/balanced_accuracy": 0.75,
        "test/balanced_accuracy": 0.7 + seed / 100,
        "test/odd number": 0.1 + 0.2,
        "cost/examples_seen": 1000.0,
        "cost/steps": 10.0,
        "cost/train_seconds": 1.5,
        "epoch/validation_loss": 0.5,
    }
    tags = {
        "strategy": strategy,
        "seed": str(seed),
        "experiment": "parts",
        "trial": trial,
        "conditions": machine.conditions,
        "dataset": digest("data", seed),
        "effective_prior": "[0.8, 0.2]",
        "warnings": "",
    }
    params = {"strategy": strategy, "seed": str(seed), "train.epochs": "2", "data.source": "npz"}
    run_id = digest("run", trial, copy)
    ended = BEGIN + timedelta(minutes=seed)
    return RecordedRun(run_id, "FINISHED", metrics, params, tags, f"{strategy}, seed {seed}", ended)


def arrays(strategy: str, seed: int) -> dict[str, np.ndarray]:
    """Logits that are right more often under a strategy whose name is longer."""
    rng = np.random.default_rng([seed, *strategy.encode()])
    labels = np.repeat([0, 1], [N - 20, 20])
    odds = (2 * labels - 1) * (1 + len(strategy) / 10) + 2 * rng.normal(size=N)
    logits = np.stack([np.zeros(N), odds], axis=1).astype(np.float32)
    half = rng.permutation(N)[: N // 2]
    return {
        "validation_logits": logits[half],
        "validation_labels": labels[half],
        "test_logits": logits,
        "test_labels": labels,
        "test_ids": np.random.default_rng(seed).integers(0, 2**63, N).astype(np.uint64) * 2,
        "last_validation_logits": logits[half] + np.float32(0.1),
        "last_test_logits": logits + np.float32(0.1),
        "test_groups": np.arange(N) // 2,
    }


def plan(strategy: str, seed: int, machine: Machine) -> dict[str, Any]:
    found, prior = arrays(strategy, seed), np.array([0.8, 0.2])
    rules = {
        name: fit(
            name,
            found["validation_logits"],
            found["validation_labels"],
            prior,
            np.full(2, 0.5),
            "balanced_accuracy",
        )
        for name in RULES
    }
    return {
        "strategy": {
            "name": strategy,
            "parameters": {"weight": machine.weight},
            "code": [machine.code.get(strategy, "1")],
        },
        "circumstances": machine.circumstances,
        "class_names": list(CLASSES),
        "class_counts_before": [240, 60],
        "class_counts_after": [240, 60],
        "class_units": [330, 90],
        "test_is_cut": True,
        "effective_prior": {"values": {"fine": 0.8, "defect": 0.2}, "precision": "exact"},
        "target_prior": {"fine": 0.5, "defect": 0.5},
        "plan": {"decision": "argmax"},
        "validation_scores": [0.7, 0.75],
        "validation_recalls": [[0.8, 0.6], [0.8, 0.7]],
        "decision_offsets": {
            name: {
                "label": rule.label_offsets.tolist(),
                "probability": rule.probability_offsets.tolist(),
            }
            for name, rule in rules.items()
        },
        "warnings": [],
    }


def made_pack(
    path: Path,
    seeds: Iterable[int],
    strategies: Sequence[str] = ("none", "weighted"),
    *,
    machine: Machine = HERE,
    without: Iterable[tuple[str, int]] = (),
    failed: Iterable[tuple[str, int]] = (),
    compared: bool = True,
    experiment: str = "parts",
    copy: str = "",
) -> Path:
    """Write a pack of these strategies and seeds, apart from some cells; return its path.

    Unless they were `compared`, it has trials alone. Those of another `copy` are other runs.
    """
    asked, left_out = list(seeds), {*without, *failed}
    runs = [
        made_run(name, seed, machine, copy)
        for name in strategies
        for seed in asked
        if (name, seed) not in left_out
    ]
    with TemporaryDirectory() as place:
        folder = Path(place)
        tables.write_trials(folder / tables.TRIALS, runs)
        points = {run.run_id: [*_points(run)] for run in runs}
        tables.write_metrics(folder / tables.METRICS, points)
        with tables.prediction_writer(folder / tables.PREDICTIONS) as writer:
            for run in runs:
                name, seed = run.tags["strategy"], int(run.tags["seed"])
                writer.add(run.run_id, arrays(name, seed))
                file = folder / place_of(run.run_id, "plan.json")
                file.parent.mkdir(parents=True)
                file.write_text(json.dumps(plan(name, seed, machine)))
        comparison = _comparison(folder, runs, strategies, asked, machine, failed)
        facts = {"experiment": experiment, "versions": {}, "comparisons": []}
        aside = path.with_suffix(".trials")
        write_archive(aside, facts, folder)
        if not compared:
            return aside.replace(path)
        _write_comparison(folder, comparison, aside, strategies)
        write_archive(path, {**facts, "comparisons": [described(comparison[0])]}, folder)
        aside.unlink()
    return path


def _points(run: RecordedRun) -> list[tuple[str, int, float]]:
    curve = [("epoch/validation_loss", step, 0.5 + 1 / step) for step in (1, 2)]
    return [(n, 0, v) for n, v in run.metrics.items() if not n.startswith("epoch/")] + curve


def _comparison(
    folder: Path,
    runs: Sequence[RecordedRun],
    strategies: Sequence[str],
    asked: Sequence[int],
    machine: Machine,
    failed: Iterable[tuple[str, int]],
) -> tuple[RecordedRun, dict[str, Any]]:
    name = digest("comparison", machine.conditions, strategies)
    rows = [
        {
            "run_id": run.run_id,
            "trial": run.tags["trial"],
            "strategy": run.tags["strategy"],
            "seed": int(run.tags["seed"]),
            "cached": False,
        }
        for run in sorted(runs, key=lambda run: int(run.tags["seed"]))
    ]
    experiment = load("digits")
    tags = {
        COMPARISON: name,
        "experiment": "parts",
        "family": digest("family", machine.conditions),
        "looks": json.dumps([len(asked)] if len(asked) > 2 else []),
        "family_members": json.dumps([digest(each)[:8] for each in strategies[1:]]),
    }
    document = {
        "experiment": "parts",
        "metric": "balanced_accuracy",
        "baseline": strategies[0],
        "margin": 0.01,
        "asked_seeds": list(asked),
        "folds": None,
        "trials": rows,
        "failed": [{"strategy": n, "seed": s, "reason": "out of memory"} for n, s in failed],
        "strategy_names": list(strategies),
        "classes": list(CLASSES),
        "counts": {"train": [240, 60], "validation": [30, 10], "test": [60, 20]},
        "duplicates": asdict(Duplicates(0, 0, 0)),
        "notes": ["a note on the data"],
        "notes_of_data": ["a note on the data"],
        "decision": {},
        "costs": {},
        "evaluation": experiment.evaluation.model_dump(mode="json"),
        "conditions": machine.conditions,
        "dataset": digest("data", asked[0]),
        "versions": dict(machine.versions),
        "configuration": resolved(experiment),
        "made": "1 January 2026, 00:00",
        "command": f"harness compare {' '.join(strategies)} --seeds {len(asked)} --json"
        + (f" --first-seed {asked[0]}" if asked[0] else ""),
        "run_id": digest("comparison run", name, asked),
    }
    run = RecordedRun(
        document["run_id"],
        "FINISHED",
        {},
        {},
        tags,
        f"parts: {', '.join(strategies)}",
        BEGIN + timedelta(hours=1, minutes=asked[-1]),
    )
    return run, document


def _write_comparison(
    folder: Path,
    comparison: tuple[RecordedRun, dict[str, Any]],
    trials: Path,
    strategies: Sequence[str],
) -> None:
    run, document = comparison
    pack = open_pack(trials)
    found: dict[str, dict[int, RecordedTrial]] = {name: {} for name in strategies}
    for each in pack.trials:
        found[each.tags["strategy"]][int(each.tags["seed"])] = RecordedTrial(pack, each)
    members = tuple(json.loads(run.tags["family_members"]))
    family = Family((len(document["asked_seeds"]),), members)
    judged = summarise(found, strategies[0], "balanced_accuracy", 0.01, family)
    document |= results(judged)
    place = folder / place_of(run.run_id, "")
    place.mkdir(parents=True)
    (place / "comparison.json").write_text(json.dumps(document))
    pixels = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
    Samples(pixels, np.array([0, 1])).write(place / "samples.npz")
    mistakes(found[strategies[0]], None, [], strategies[0]).write(place)
    assert (place / FACTS).is_file()
    assert (place / IMAGES).is_file()
