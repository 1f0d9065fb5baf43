"""The README's example of a strategy, letter by letter: edited into what `new-strategy` writes."""

from pathlib import Path

import numpy as np
import pytest

from harness import Examples, Phase, Plan
from harness.scaffold.package import package, write
from harness.strategy.registry import kinds
from harness.testing import check_strategy

EXAMPLE = '''\
from typing import Annotated

import numpy as np

from harness import Loss, Plan, Range, Strategy, cross_entropy


class PolyLoss(Strategy):
    """Cross-entropy and a share of what the true class lacks to probability 1."""

    changes = "the loss"
    reference = "Leng et al. (2022), PolyLoss, eq. 4"
    neutral = {"epsilon": 0.0}

    epsilon: Annotated[float, Range(0.0, 5.0)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        loss = Loss(poly_1, {"epsilon": np.float32(self.epsilon)}, exact=self.epsilon == 0)
        return base.in_every_phase(loss=loss)


def poly_1(labels, logits, parameters):
    from keras import ops

    plain = cross_entropy(labels, logits, {})
    return plain + parameters["epsilon"] * (1 - ops.exp(-plain))
'''


@pytest.fixture
def kind(tmp_path: Path) -> type:
    new = package("poly_loss", tmp_path)
    write(new)
    new.module.write_text(EXAMPLE)
    ((_, kind),) = kinds("poly_loss", [new.module])
    return kind


def test_the_example_keeps_every_law(kind: type) -> None:
    check_strategy(kind)


def test_the_example_is_the_papers_loss(kind: type) -> None:
    train = Examples(np.zeros((3, 2), np.float32), np.array([0, 1, 1]), ("a", "b"))
    base = Plan(train, (Phase(),), batch_size=2, learning_rate=0.1)
    loss = kind(epsilon=2.0).plan(base, np.random.default_rng(0)).phases[0].loss
    logits = np.array([[1.0, 0.0], [-2.0, 3.0], [4.0, 0.5]], np.float32)
    found = np.asarray(loss.function(train.labels, logits, loss.parameters))
    odds = np.exp(logits.astype(np.float64))
    p = (odds / odds.sum(1, keepdims=True))[np.arange(3), train.labels]
    assert found == pytest.approx(-np.log(p) + 2 * (1 - p), rel=1e-5)
