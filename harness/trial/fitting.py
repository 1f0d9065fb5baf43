"""What a trial trains with: its plan, the priors that follow from it, and the network."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.data.examples import Floats
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import EffectivePrior, effective_prior
from harness.seeds import generator
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe, compiled_network
from harness.training.loop import Epoch, Trained, score_by, train
from harness.trial.evaluation import target_prior
from harness.trial.trial import Trial


@dataclass(frozen=True, eq=False)
class Fitting:
    """A trial that is ready to be trained; `target` is the prior to correct for, `[C]`."""

    trial: Trial
    plan: Plan
    prior: EffectivePrior
    target: Floats
    network: CompiledNetwork

    @classmethod
    def of(cls, trial: Trial) -> "Fitting":
        """Make the plan and take the network; raises UserError for parameters that don't fit."""
        base = base_plan(trial.splits.train, trial.experiment)
        plan = trial.strategy.plan(base, generator(trial.seed, "strategy"))
        model = trial.experiment.model
        recipe = Recipe.of(model.name, trial.experiment.train, plan.train, model.network_from)
        network = compiled_network(recipe)
        network.check(plan)
        target = target_prior(trial.experiment.evaluation, trial.splits.train)
        return cls(trial, plan, effective_prior(plan), target, network)

    def train(self, on_epoch: Callable[[Epoch], None]) -> Trained:
        """Train by the plan, scored on validation alone; whatever `on_epoch` raises ends it.

        Raises:
            TrialFailed: the loss is no longer finite.

        """
        trial = self.trial
        metric = trial.experiment.evaluation.metric
        score = score_by(self.plan, metric, self.prior.values, self.target, trial.splits.validation)
        return train(
            self.network,
            self.plan,
            trial.experiment,
            trial.splits.validation,
            epoch_examples(trial.experiment.train, len(trial.splits.train)),
            trial.seed,
            score,
            on_epoch,
        )
