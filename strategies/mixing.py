"""Training on mixtures of two examples, drawn anew in every batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan

Alpha = Annotated[float, Field(ge=0.0), Range(0.05, 2.0, log=True)]


class Mixup(Strategy):
    """Each example is blended with another one of its batch, and so are their labels."""

    changes: ClassVar[str] = "the examples"
    reference: ClassVar[str] = "Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization"
    neutral: ClassVar[Mapping[str, Any] | None] = {"alpha": 0.0}

    alpha: Alpha = 0.2

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the batch transform; the share of the first is drawn from Beta(alpha, alpha).

        Labels are mixed evenly, so their distribution stays as visited; the prior is approximate
        because examples that aren't mixed are no longer what was trained on.
        """
        import numpy as np

        from harness import BatchTransform

        if self.alpha == 0.0:
            return base
        kept = np.full((base.train.n_classes, base.train.n_classes), 0.5)
        transform = BatchTransform(blended, {"alpha": np.asarray(self.alpha)}, kept, exact=False)
        return base.in_every_phase(batch_transform=transform)


class Remix(Strategy):
    """Mixup whose label goes wholly to the rarer of two classes of very different counts."""

    changes: ClassVar[str] = "the examples"
    reference: ClassVar[str] = (
        "Chou et al. (2020), Remix: Rebalanced Mixup, eq. 8; kappa and tau as there"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"alpha": 0.0}

    alpha: Alpha = 1.0
    kappa: Annotated[float, Field(gt=1.0), Range(1.5, 10.0, log=True)] = 3.0
    tau: Annotated[float, Field(ge=0.0, le=1.0), Range(0.0, 1.0)] = 0.5

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the batch transform.

        Where one class of a pair has `kappa` times the other's count or more, and its share of the
        mixture is below `tau`, the rarer class gets the whole label.
        """
        import numpy as np

        from harness import BatchTransform

        if self.alpha == 0.0:
            return base
        counts = base.train.counts
        parameters = {
            "alpha": np.asarray(self.alpha),
            "kappa": np.asarray(self.kappa),
            "tau": np.asarray(self.tau),
            "counts": counts,
        }
        kept = self._kept(counts)
        transform = BatchTransform(remixed, parameters, kept, exact=False)
        return base.in_every_phase(batch_transform=transform)

    def _kept(self, counts: np.ndarray) -> np.ndarray:
        """Return the mean share that class i's label keeps against class j's, `[C, C]`.

        With F the distribution of Beta(a, a): a share below tau counts as 0 beside a rarer class,
        one above 1 - tau counts as 1 beside a more frequent one. The mean of the share where it is
        below t is F of Beta(a + 1, a) at t, halved.
        """
        import numpy as np
        from scipy.special import betainc

        alpha, tau = self.alpha, self.tau
        ratio = counts[:, None] / counts[None, :]
        yielding = 0.5 * (1.0 - betainc(alpha + 1.0, alpha, tau))
        return np.where(
            ratio >= self.kappa,
            yielding,
            np.where(ratio <= 1.0 / self.kappa, 1.0 - yielding, 0.5),
        )


def blended(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    """Mix each example with one drawn from its batch; labels get the shares of their inputs."""
    mixed, other, share = _pairs(inputs, labels, seed, parameters["alpha"])
    return mixed, ((labels, share), (other, 1.0 - share))


def remixed(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    """Mix as mixup does; of two classes of unlike counts, give the label to the rarer."""
    import tensorflow as tf

    mixed, other, share = _pairs(inputs, labels, seed, parameters["alpha"])
    kappa, tau = parameters["kappa"], parameters["tau"]
    first, second = (tf.gather(parameters["counts"], each) for each in (labels, other))
    yields = (first >= kappa * second) & (share < tau)
    takes = (second >= kappa * first) & (1.0 - share < tau)
    of_label = tf.where(yields, 0.0, tf.where(takes, 1.0, share))
    return mixed, ((labels, of_label), (other, 1.0 - of_label))


def _beta(size: Any, seed: Any, alpha: Any) -> Any:
    """Draw from Beta(alpha, alpha), `[size]`, by the logarithms of two gamma variates.

    A variate of a small alpha may be too small for any float, and two zeros have no ratio; its
    logarithm is that of a variate of alpha + 1 plus log(u) / alpha, u uniform (Marsaglia & Tsang
    2000, section 6).
    """
    import tensorflow as tf

    larger = tf.random.stateless_gamma([2, size], seed + 1, alpha + 1.0)
    uniform = tf.random.stateless_uniform([2, size], seed + 2, minval=1e-37)
    logs = tf.math.log(larger) + tf.math.log(uniform) / alpha
    return tf.sigmoid(logs[0] - logs[1])


def _pairs(inputs: Any, labels: Any, seed: Any, alpha: Any) -> Any:
    """Return the mixtures, the labels of the second of each pair, and the share of the first."""
    import tensorflow as tf

    size = tf.shape(labels)[:1]
    partner = tf.argsort(tf.random.stateless_uniform(size, seed))
    share = _beta(size[0], seed, alpha)
    across = tf.reshape(share, tf.concat([size, tf.ones(tf.rank(inputs) - 1, tf.int32)], axis=0))
    mixed = across * inputs + (1.0 - across) * tf.gather(inputs, partner)
    return mixed, tf.gather(labels, partner), share
