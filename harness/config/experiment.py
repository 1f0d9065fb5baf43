"""An experiment: one validated configuration, with a default for every key."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from harness.config.augmentation import Augmentation
from harness.config.backbones import BACKBONES, preset_image_size
from harness.config.data import Data, DigitsData
from harness.config.decision import Costs, Decision, JobDecision
from harness.config.metric import DecidingMetric, Metric
from harness.config.model import Model
from harness.config.section import ClassName, Positive, Section, Share, Text

PATIENCE = 10
SHARES_DO_NOT_MATTER = ("balanced_accuracy", "g_mean")


def _to_one(ratio: object) -> object:
    """Return the number that `1:10` or `10:1` stands for; whatever else as it is."""
    parts = ratio.split(":") if isinstance(ratio, str) else []
    if len(parts) == 2 and "1" in (sides := [part.strip() for part in parts]):
        other = sides[1 - sides.index("1")]
        return float(other) if other.replace(".", "", 1).isdecimal() else ratio
    return ratio


Ratio = Annotated[float, Field(ge=1), BeforeValidator(_to_one)]


class ImbalanceSection(Section):
    """Where the imbalance is made: in train and validation only, or in the test set as well."""

    test: Literal["keep", "imbalanced"] = "keep"


class NoImbalance(ImbalanceSection):
    """The data as they are."""

    kind: Literal["none"] = "none"


class LongTail(ImbalanceSection):
    """Counts that fall geometrically from the first class to the last, `ratio` times fewer."""

    kind: Literal["long_tail"]
    ratio: Ratio


class Step(ImbalanceSection):
    """Minority classes with `ratio` times fewer examples: the last ones, or by name.

    They are a number of classes, or a share of all (Buda et al. 2018), at least one.
    """

    kind: Literal["step"]
    ratio: Ratio
    minority_classes: Positive | Annotated[float, Field(gt=0, lt=1)] | list[ClassName] = 1


class Counts(ImbalanceSection):
    """At most so many examples of each class; a class that is not named keeps all its own."""

    kind: Literal["counts"]
    counts: dict[ClassName, Positive]


class OneVersusRest(ImbalanceSection):
    """Two classes: all the others (`rest`, 0) against one (1)."""

    kind: Literal["one_vs_rest"]
    class_: ClassName = Field(alias="class")


class Merge(ImbalanceSection):
    """Classes made of several others, by the names that they get; the others stay as they are."""

    kind: Literal["merge"]
    into: Annotated[
        dict[ClassName, Annotated[list[ClassName], Field(min_length=1)]], Field(min_length=1)
    ]


Imbalance = Annotated[
    NoImbalance | LongTail | Step | Counts | OneVersusRest | Merge, Field(discriminator="kind")
]


class Split(Section):
    """Shares of what has no split of its own; the rest is for training.

    With `folds`, every example is tested once a repeat: so many seeds in a row test one fold each
    of the same cut, stratified, with groups left whole, and `test` does not count.

    With `test_seed`, every trial has the same test set, whatever its own seed: no example that one
    is tested on has been trained on or validated on by another.

    With `validation_per_class`, validation holds no more than so many of each class, so that a look
    at it costs little however large the data are. Its class shares are then not those of the data.
    """

    validation: Share = 0.15
    test: Share = 0.15
    folds: Annotated[int, Field(ge=2)] | None = None
    test_seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    validation_per_class: Positive | None = None

    @field_validator("test_seed")
    @classmethod
    def _has_no_folds(cls, test_seed: int | None, info: ValidationInfo) -> int | None:
        if test_seed is not None and info.data.get("folds") is not None:
            raise ValueError("leave it out, or leave out folds, which test every example")
        return test_seed

    def repeat_and_fold(self, seed: int) -> tuple[int, int]:
        """Return which repeat a seed belongs to, and which fold of it the seed tests, from 0."""
        return divmod(seed, self.folds or 1)


class Drops(Section):
    """At each of these shares of the epochs, in order, the rate is multiplied by `factor`."""

    at: Annotated[list[Share], Field(min_length=1)]
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1

    @field_validator("at")
    @classmethod
    def _ascends(cls, at: list[float]) -> list[float]:
        if at != sorted(set(at)):
            raise ValueError("write each share once, the smallest first")
        return at


class Dropping(Section):
    """A learning rate that is constant but for some drops."""

    step: Drops


class Train(Section):
    """The training budget and how it is spent.

    With `epochs: auto`, training goes on until validation has not improved for `patience` epochs
    (10 if none is set), `max_epochs` at most; in a comparison, all strategies of a seed get as many
    as the one that needs most.

    `augmentation` alters the images of every class, whatever the strategy, which may alter them
    further. Of the schedules, `step` drops to a tenth after 60 % and 80 % of the epochs, unless
    `{step: {at: [...], factor: ...}}` says otherwise.

    Without `examples`, an epoch visits as many examples as there are for training. With it, that
    many visits in all are divided among the epochs, which may then be a fraction of the data.

    `precision` is what the network computes in: `mixed_bfloat16` takes half the memory and, on a
    GPU with tensor cores, less time. Weights, the head, logits and losses are float32 in any case.
    `auto` is `mixed_bfloat16` on such a GPU, and `float32` elsewhere.

    `select_by` is the validation score by which an epoch is chosen and a threshold is tuned. It is
    apart from `evaluation.metric`, so that what is recorded can be judged by another metric.
    """

    epochs: Annotated[int, Field(gt=0, le=1_000_000)] | Literal["auto"] = 20
    max_epochs: Annotated[int, Field(gt=0, le=1_000_000)] = 200
    batch_size: Annotated[int, Field(gt=0, le=10_000_000)] = 128
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["constant", "cosine", "step"] | Dropping = "constant"
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    augmentation: Augmentation | None = None
    patience: Positive | None = None
    budget: Literal["examples", "passes"] = "examples"
    examples: Positive | None = None
    select_by: Metric = "balanced_accuracy"
    threads: Annotated[int, Field(gt=0, le=1024)] | Literal["auto"] = "auto"
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"

    @field_validator("examples")
    @classmethod
    def _fills_its_epochs(cls, examples: int | None, info: ValidationInfo) -> int | None:
        if examples is not None and info.data.get("budget") == "passes":
            raise ValueError("leave it out, or leave out budget: passes, which counts otherwise")
        epochs = info.data.get("epochs", 1)
        if examples is not None and epochs == "auto":
            raise ValueError("leave it out, or set a number of epochs, which is auto")
        if examples is not None and examples < epochs:
            raise ValueError(f"must be at least epochs, which is {epochs}")
        return examples

    @property
    def most_epochs(self) -> int:
        """How many epochs there are, or may be where their number is `auto`."""
        return self.max_epochs if self.epochs == "auto" else self.epochs

    @property
    def stopping(self) -> "Train":
        """The settings with which `auto` finds how many epochs are needed."""
        patience = self.patience or PATIENCE
        return self.model_copy(update={"epochs": self.max_epochs, "patience": patience})

    def lasting(self, epochs: int) -> "Train":
        """Return these settings with so many epochs, none more or less."""
        return self.model_copy(update={"epochs": epochs, "patience": None})


class Evaluation(Section):
    """What decides: the metric, the class distribution to correct for, and what matters.

    The `metric` may take a number: `{precision_at_recall: 0.95}`, the best precision at that recall
    or a higher one; `{roc_auc: {max_fpr: 0.2}}`, the area up to a false positive rate, scaled to
    0.5 by chance and 1 at best (McClish 1989, as scikit-learn has it); `{roc_auc: {min_tpr: 0.8}}`,
    the area above a true positive rate, 0.2 at best (as ISIC 2024 scored).

    `generalise` is what verdicts are to hold on: new `images` of this kind, or new seeds of this
    very `pool` of images, which takes fewer seeds and says less.

    Without a `decision` each strategy decides by its own rule, else all by this one: a rule by its
    name, `{recall_floor: {CLASS: 0.95}}`, or `{costs: {CLASS: {OTHER: 50}}}`, which `costs` says as
    well where the decision is `costs`: what it costs to take a CLASS for an OTHER, 1 by default.
    """

    metric: DecidingMetric = "balanced_accuracy"
    target_prior: Literal["uniform", "train"] | dict[ClassName, Annotated[float, Field(gt=0)]] = (
        "uniform"
    )
    margin: Annotated[float, Field(ge=0)] = 0.01
    generalise: Literal["images", "pool"] = "images"
    decision: Decision | None = None
    costs: Costs | None = None

    @field_validator("costs")
    @classmethod
    def _are_given_once(cls, costs: Costs | None, info: ValidationInfo) -> Costs | None:
        decision = info.data.get("decision")
        if costs is not None and isinstance(decision, JobDecision) and decision.costs is not None:
            raise ValueError("leave it out, or leave out evaluation.decision.costs")
        return costs

    @property
    def error_costs(self) -> Costs:
        """What errors cost, wherever that is written."""
        within = self.decision.costs if isinstance(self.decision, JobDecision) else None
        return self.costs or within or {}

    @property
    def rule(self) -> str | None:
        """The name of the rule that decides; None where each strategy has its own."""
        if not isinstance(self.decision, JobDecision):
            return self.decision
        return "costs" if self.decision.recall_floor is None else "recall_floor"

    @property
    def job(self) -> dict[str, Any]:
        """What is asked of the decision, as JSON-ready data; empty where nothing is."""
        decision = self.decision if isinstance(self.decision, JobDecision) else None
        floors = decision.recall_floor if decision else None
        asked: dict[str, Any] = {"rule": self.rule} if self.rule else {}
        if decision and floors:
            asked |= {"recall_floor": dict(floors), "confidence": decision.confidence}
        if self.rule == "costs" or self.metric == "expected_cost":
            asked["costs"] = {true: dict(row) for true, row in self.error_costs.items()}
        return asked


class Variant(Section):
    """A strategy with parameters of its own, to be compared under a name of its own."""

    strategy: Text
    parameters: dict[str, object] = Field(default_factory=dict)


class Comparison(Section):
    """Which strategies to compare, with what, over how many seeds.

    With `split.folds`, each of the seeds stands for a whole repeat, a trial for every fold.
    `variants` are by the name that stands in `strategies` for them.
    """

    strategies: list[Text] = Field(default_factory=list)
    variants: dict[Text, Variant] = Field(default_factory=dict)
    baseline: Text = "none"
    seeds: Annotated[int, Field(gt=0, le=10_000)] = 5


class Record(Section):
    """What is kept beside the numbers."""

    save_model: bool = False


def _is_free(name: str) -> str:
    """Return a name that MLflow and a terminal take as it is; else raise ValueError."""
    if not name.isprintable() or name != name.strip():
        raise ValueError("write it on one line, without control characters or spaces at its ends")
    if name == "Default":
        raise ValueError("MLflow has an experiment of its own by that name; take another one")
    return name


ExperimentName = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(_is_free)]


class Experiment(Section):
    """One configuration: data, imbalance, split, model, training, evaluation, comparison."""

    name: ExperimentName = "digits"
    data: Data = DigitsData()
    imbalance: Imbalance = NoImbalance()
    split: Split = Split()
    model: Model = Model()
    train: Train = Train()
    evaluation: Evaluation = Evaluation()
    comparison: Comparison = Comparison()
    record: Record = Record()

    @model_validator(mode="before")
    @classmethod
    def _has_the_size_of_its_backbone(cls, raw: Any) -> Any:
        """Write the size of a backbone's images where `data.image_size` is `auto`."""
        data, model = (raw.get(key) if isinstance(raw, dict) else None for key in ("data", "model"))
        if not isinstance(data, dict) or data.get("image_size") != "auto":
            return raw
        name = str(model.get("name")) if isinstance(model, dict) else ""
        backbone = BACKBONES.get(name)
        size = [backbone.image_size] * 2 if backbone else preset_image_size(name)
        return raw if size is None else {**raw, "data": {**data, "image_size": size}}

    def seeds(self, repeats: int | None = None, first: int = 0) -> tuple[int, ...]:
        """Return the seeds of a comparison, or of so many repeats: one each, or one for a fold.

        They begin with those of the repeat `first`.
        """
        count = self.comparison.seeds if repeats is None else repeats
        each = self.split.folds or 1
        return tuple(range(first * each, (first + count) * each))

    @field_validator("train", "evaluation")
    @classmethod
    def _does_not_go_by_limited_shares(cls, section: Section, info: ValidationInfo) -> Section:
        split = info.data.get("split")
        limited = isinstance(split, Split) and split.validation_per_class is not None
        key = "select_by" if isinstance(section, Train) else "metric"
        metric = getattr(section, key)
        if limited and metric not in SHARES_DO_NOT_MATTER:
            raise ValueError(
                f"{key} {metric} goes by class shares, which "
                "split.validation_per_class changes; leave that out, or take "
                + " or ".join(SHARES_DO_NOT_MATTER)
            )
        return section
