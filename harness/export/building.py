"""What is to be exported, built: the trials made again, and one graph of their networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.export.again import Again, copied
from harness.export.choice import Choice, choose
from harness.export.description import Format, Input
from harness.export.members import averaged
from harness.scoring.decision import FittedRule


@dataclass(frozen=True)
class Request:
    """What to export, a run or an experiment, to which folder, and how.

    `ensemble` takes all seeds; `refit` trains on validation examples too; `register` is a name in
    MLflow's registry; `plugins` and `network_from` are where code comes from, as for a trial.
    """

    wanted: str
    folder: Path
    format: Format = "keras"
    ensemble: bool = False
    refit: bool = False
    register: str | None = None
    plugins: tuple[Path, ...] = ()
    network_from: Path | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """The graph to be written, the rule in it, and the trials with their rules behind it."""

    choice: Choice
    members: Sequence[Again]
    rules: Sequence[FittedRule]
    rule: FittedRule
    taken: Input
    graph: Any

    @property
    def first(self) -> Again:
        """The first member, which speaks for the data of all."""
        return self.members[0]

    @property
    def is_ensemble(self) -> bool:
        """Whether it averages several networks."""
        return len(self.members) > 1


def build(request: Request) -> Built:
    """Find the trials, get their networks, and join these to one graph.

    Raises:
        UserError: there is no such run or experiment, it has no result, its data are gone or
            others, or the format can't hold the network.
        TrialFailed: a trial had to be trained again, and that broke down.

    """
    chosen = choose(request.wanted, request.ensemble)
    members = [Again.of(each, request.plugins, request.network_from) for each in chosen.trials]
    networks = [_network(member, request, len(members) > 1) for member in members]
    from harness.export.graph import whole

    rules = [
        record.predictions.rules[name]
        for record, name in zip(chosen.trials, chosen.rules, strict=True)
    ]
    rule = rules[0] if len(rules) == 1 else averaged(rules)
    taken = _input(members[0])
    return Built(chosen, members, rules, rule, taken, whole(networks, taken, rule))


def _network(member: Again, request: Request, several: bool) -> Any:
    """Return a member's network; one of several has variables of its own."""
    model = member.refitted() if request.refit else member.network()
    from harness.export.graph import own_layers

    if (several or request.format == "keras") and (own := own_layers(model)):
        raise UserError(
            f"the network has layers that Keras can't load without their code ({', '.join(own)}): "
            "export a single trial, with --format savedmodel, litert or onnx"
        )
    return copied(model) if several else model


def _input(member: Again) -> Input:
    splits, data = member.trial.splits, member.trial.experiment.data
    shape = tuple(splits.train.inputs.shape[1:])
    most = getattr(data, "max_pixels", None)
    return Input(
        size=None if len(shape) == 1 else (shape[0], shape[1]),
        channels=shape[-1],
        dtype=str(splits.train.inputs.dtype),
        value_range=None if splits.originals is None else splits.originals.scale,
        **({} if most is None else {"max_pixels": most}),
    )
