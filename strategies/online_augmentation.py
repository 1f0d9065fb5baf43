"""Online augmentation: images are altered anew each time that they are visited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.errors import UserError
from strategies.altering import Altering, altered, alters, giveaways

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class OnlineAugmentation(Altering):
    """Images of the smaller classes are altered anew at every visit, inside the compiled step."""

    changes: ClassVar[str] = "the examples"
    reference: ClassVar[str] = (
        "Simard et al. (2003), Best Practices for CNNs; Keras' preprocessing layers"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {
        "flip": "none",
        "rotation": 0.0,
        "translation": 0.0,
        "zoom": 0.0,
        "contrast": 0.0,
    }

    classes: Literal["smaller", "all"] = "smaller"

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the batch transform.

        Of `smaller` classes, a visit is altered with probability 1 - n / n_max, the share that
        altered images would have if offline augmentation filled the class up.
        """
        import numpy as np

        from harness import BatchTransform

        train = base.train
        if len(train.inputs.shape) != 4:
            raise UserError(
                "online_augmentation needs images [N, H, W, C], but the inputs have the shape "
                f"{list(train.inputs.shape)}; use another strategy"
            )
        often = np.ones(train.n_classes)
        if self.classes == "smaller":
            often = 1.0 - train.counts / train.counts.max()
        alteration = self.alteration(train.inputs.shape)
        if not often.any() or not alters(alteration):
            return base
        transform = BatchTransform(altered, alteration, chance=often, of_images=True)
        changed = base.in_every_phase(batch_transform=transform)
        warning = giveaways("online_augmentation", train.class_names, often, alteration)
        return replace(changed, notes=(*changed.notes, *warning))
