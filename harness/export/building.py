"""What is to be exported, built: the trials made again, and one graph of their networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.export.again import Again, copied
from harness.export.choice import Choice, choose
from harness.export.description import Format, Input
from harness.export.members import Joint, rule_of_average
from harness.networks.precision import MIXED
from harness.scoring.decision import FittedRule
from harness.scoring.job import Job

HOLD_BFLOAT16: tuple[Format, ...] = ("keras", "savedmodel")


@dataclass(frozen=True)
class Request:
    """What to export, a run or an experiment, to which folder, and how.

    `ensemble` takes all seeds; `refit` trains on validation examples too; `register` is a name in
    MLflow's registry; `decision` is another one than is recorded, in YAML; `plugins` and
    `network_from` are where code comes from, as for a trial.
    """

    wanted: str
    folder: Path
    format: Format = "keras"
    ensemble: bool = False
    refit: bool = False
    register: str | None = None
    decision: str | None = None
    plugins: tuple[Path, ...] = ()
    network_from: Path | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """The graph to be written, the rule in it, and the trials with their rules behind it."""

    choice: Choice
    members: Sequence[Again]
    rules: Sequence[FittedRule]
    joint: Joint
    taken: Input
    graph: Any

    @property
    def first(self) -> Again:
        """The first member, which speaks for the data of all."""
        return self.members[0]

    @property
    def rule(self) -> FittedRule:
        """The rule in the graph."""
        return self.joint.rule

    @property
    def job(self) -> Job:
        """What labels are for, and what errors cost."""
        return _job(self.choice, self.first)

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
    chosen = choose(request.wanted, request.ensemble, request.decision)
    members = [Again.of(each, request.plugins, request.network_from) for each in chosen.trials]
    job = _job(chosen, members[0])
    for member in members:
        _refuse_bfloat16(member, request.format)
        splits = member.trial.splits
        job.check(splits.validation.counts, splits.train.class_names)
    rules = [record.predictions.rules[chosen.decision.rule] for record in chosen.trials]
    joint = Joint(rules[0]) if len(rules) == 1 else _joint(members, chosen.decision.rule, job)
    networks = [_network(member, request, len(members) > 1) for member in members]
    from harness.export.graph import whole

    taken = _input(members[0])
    return Built(chosen, members, rules, joint, taken, whole(networks, taken, joint.rule))


def _job(chosen: Choice, member: Again) -> Job:
    return Job.of(chosen.decision.evaluation, member.record.predictions.class_names)


def _joint(members: Sequence[Again], rule: str, job: Job) -> Joint:
    return rule_of_average(
        [member.record.predictions for member in members],
        [member.trial.splits.validation.ids for member in members],
        rule,
        job,
        members[0].record.target_prior,
    )


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


def _refuse_bfloat16(member: Again, format_: Format) -> None:
    if member.trial.precision == MIXED and format_ not in HOLD_BFLOAT16:
        raise UserError(
            f"run {member.record.run.run_id} computes in bfloat16, which --format {format_} can't "
            f"hold: take {' or '.join(HOLD_BFLOAT16)}, or a trial with train.precision float32"
        )


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
