import broken_strategies as broken
import pytest

from harness.conformance.law import judge
from harness.conformance.laws import LAWS
from harness.strategy.base import Strategy
from harness.testing import subject

READS = "reads nothing but the training examples"
COPES = "copes with few and many classes"
VALID = "its plan can be carried out"
SAME = "same inputs, same plan"
CHANCE = "no chance but the generator's"
INPUTS = "its inputs stay as they are"
STACKS = "leaves alone what it does not set"
NUMBERS = "renumbering classes renumbers the plan"
SAMPLES = "samplers visit what they declare"
EXTREME = "losses are finite at extreme logits"
SINGLE = "losses are of one example each"
SIGN = "losses are never negative"
COMPILED = "functions are compiled once"
BATCH = "batch transforms keep a batch a batch"
SEED = "batch transforms draw from their seed"
KEPT = "batch transforms keep what they declare"
PRIOR = "the effective prior agrees with simulation"
NEUTRAL = "neutral parameters change nothing"
RANGES = "search ranges are valid"
POINTS = "every point of the ranges gives a plan"
RECORD = "parameters survive the record"
PROCESSES = "two processes agree"

# Strategy, the law that it is there to break, a part of the message, other laws that it must break.
CASES: list[tuple[type[Strategy], str, str, set[str]]] = [
    (broken.ReadsAFile, READS, "digits.csv.gz", set()),
    (broken.LoadsData, READS, "loads data", set()),
    (broken.FailsOnOneExample, COPES, "AssertionError", set()),
    (broken.RefusesAtLength, COPES, "several lines", set()),
    (broken.HalvesTheBatch, VALID, "batch_size is 64.0", set()),
    (broken.WeighsOneClass, VALID, "shape [1]", {CHANCE, NUMBERS, PRIOR, PROCESSES, SAME}),
    (broken.IgnoresAClass, VALID, "above 0", set()),
    (broken.ForgetsAClass, VALID, "no example of", set()),
    (broken.SamplesHalves, VALID, "never visits 'owl'", set()),
    (broken.TurnsTheHead, VALID, "the head transform 'turned' makes [2, 6]", {NUMBERS}),
    (broken.Counts, SAME, "learning_rate", {NUMBERS, PROCESSES}),
    (broken.DrawsUnseeded, SAME, "train", {PROCESSES}),
    (broken.SeedsEverybody, CHANCE, "draw from rng", set()),
    (broken.RelabelsInPlace, INPUTS, "base.train.labels", {NUMBERS}),
    (broken.FillsUpItsParameters, INPUTS, "own parameters", set()),
    (broken.ScalesWeightsInPlace, INPUTS, "base.phases[0].class_weight.values", set()),
    (broken.BeginsAfresh, STACKS, "class_weight", set()),
    (broken.TakesTheLastForTheRarest, NUMBERS, "class_weight", set()),
    (broken.SortsNames, NUMBERS, "class_weight", set()),
    (broken.SortsNumbers, NUMBERS, "twelve classes", set()),
    (broken.BiasesTheFirst, NUMBERS, "initial_bias", set()),
    (broken.DropsAClassOfTheHead, NUMBERS, "head transform", set()),
    (broken.SamplesLess, SAMPLES, "times a pass", {PRIOR}),
    (broken.SamplesTooFar, SAMPLES, "stay in 0 .. 519", {PRIOR}),
    (broken.SamplesAllButTheLast, SAMPLES, "all examples but the last", {PRIOR}),
    (broken.SamplesAllButTheFirst, SAMPLES, "all examples but the first", set()),
    (broken.SamplesByAnotherGenerator, SAMPLES, "equal generator", set()),
    (broken.SamplesOnce, SAMPLES, "ends after 3 passes", set()),
    (broken.SamplesWholeBatches, SAMPLES, "times a pass", set()),
    (broken.NaiveFocalLoss, EXTREME, "gradient", set()),
    (broken.AveragesItself, SINGLE, "shape []", set()),
    (broken.DividesByTheFew, SINGLE, "not finite", set()),
    (broken.LooksAtTheBatch, SINGLE, "another loss", set()),
    (broken.Maximises, SIGN, "sign", set()),
    (broken.CountsErrors, SINGLE, "no gradient", set()),
    (broken.LoopsInPython, SINGLE, "keras.ops", {EXTREME, NUMBERS, SIGN}),
    (broken.MakesItsLoss, COMPILED, "top of a module", set()),
    (broken.CropsImages, BATCH, "keep type and shape", set()),
    (broken.CountsTwice, BATCH, "add up to 1", {KEPT}),
    (broken.SameNoise, SEED, "always in the same way", set()),
    (broken.UnseededNoise, SEED, "require a seed", {NUMBERS, BATCH, KEPT}),
    (broken.MixesUnevenly, KEPT, "kept", set()),
    (broken.AdjustsTheWrongWay, PRIOR, "prior_factor", set()),
    (broken.NeverNeutral, NEUTRAL, "class_weight", set()),
    (broken.DrawsEvenWhereNeutral, NEUTRAL, "phases[0].sampler", set()),
    (broken.TurnedRange, RANGES, "low end", set()),
    (broken.LogOfZero, RANGES, "log scale", set()),
    (broken.DefaultOutside, RANGES, "default", set()),
    (broken.StrangeChoice, RANGES, "'many'", set()),
    (broken.FailsAtAnEnd, POINTS, "ZeroDivisionError", set()),
    (broken.FailsAtACorner, POINTS, "low=0, high=1", set()),
    (broken.RefusesItsRange, POINTS, "without naming a parameter", set()),
    (broken.HasATuple, RECORD, "read back", {PROCESSES}),
    (broken.Forgetful, RECORD, "makes another plan", {PROCESSES}),
    (broken.Hashes, PROCESSES, "class_weight", set()),
    (broken.Remembers, PROCESSES, "learning_rate", set()),
]


@pytest.mark.usefixtures("quick_second_process")
@pytest.mark.parametrize(
    ("kind", "law", "part", "also"), CASES, ids=[kind.__name__ for kind, *_ in CASES]
)
def test_the_law_is_broken_and_no_other(
    kind: type[Strategy], law: str, part: str, also: set[str]
) -> None:
    found = _broken_by(kind, in_two_processes=PROCESSES in {law} | also)
    assert part in found.get(law, ""), found
    assert set(found) == {law} | also
    assert "\n" not in "".join(found.values())


def _broken_by(kind: type[Strategy], in_two_processes: bool) -> dict[str, str]:
    """Return the laws that do not hold; the second process is started for those who need it."""
    held = subject(kind)
    laws = [each for each in LAWS if in_two_processes or each.name != PROCESSES]
    verdicts = [judge(each, held) for each in laws]
    return {each.law: each.message for each in verdicts if not each.holds}


def test_a_seed_that_training_left_behind_hides_nothing() -> None:
    import keras

    keras.utils.set_random_seed(0)
    assert "require a seed" in _broken_by(broken.UnseededNoise, in_two_processes=False)[SEED]


def test_every_law_has_a_strategy_that_breaks_it() -> None:
    assert {law for _, law, _, _ in CASES} == {law.name for law in LAWS}


def test_a_sound_strategy_keeps_all_laws() -> None:
    assert _broken_by(broken.Sound, in_two_processes=True) == {}
