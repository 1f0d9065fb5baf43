from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.model import Model
from harness.networks.build import head_alone
from harness.networks.heads import HEADS, HIDDEN

FEATURES = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
SCALES = st.floats(1e-2, 1e2)


def head(kind: str, n_classes: int = 3) -> Any:
    return head_alone(Model(name="mobilenet_v2"), kind, FEATURES.shape[1], n_classes).model


@pytest.fixture(scope="module")
def cosine() -> Any:
    return head("cosine")


def logits(model: Any, features: Any) -> Any:
    return np.asarray(model(features))


def test_the_cosine_head_gives_the_cosines_that_numpy_does(cosine: Any) -> None:
    (kernel,) = cosine.get_weights()
    lengths = np.linalg.norm(FEATURES, axis=1)[:, None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(logits(cosine, FEATURES), FEATURES @ kernel / lengths, atol=1e-6)


@given(scale=SCALES)
def test_the_length_of_the_features_does_not_matter(cosine: Any, scale: float) -> None:
    longer = (scale * FEATURES).astype(np.float32)
    np.testing.assert_allclose(logits(cosine, longer), logits(cosine, FEATURES), atol=1e-5)


@given(scales=st.lists(SCALES, min_size=3, max_size=3))
def test_the_length_of_each_classs_weights_does_not_matter(
    cosine: Any, scales: list[float]
) -> None:
    before, (kernel,) = logits(cosine, FEATURES), cosine.get_weights()
    cosine.set_weights([kernel * np.array(scales, np.float32)])
    after = logits(cosine, FEATURES)
    cosine.set_weights([kernel])
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_features_of_zero_have_a_finite_cosine(cosine: Any) -> None:
    assert np.isfinite(logits(cosine, np.zeros_like(FEATURES))).all()


@pytest.mark.parametrize("kind", HEADS)
def test_every_head_gives_a_logit_for_each_class_and_can_be_saved(kind: str, tmp_path: Any) -> None:
    import keras

    made = head(kind, 7)
    assert made.output_shape == (None, 7)
    made.save(tmp_path / "head.keras")
    again = keras.models.load_model(tmp_path / "head.keras")
    np.testing.assert_allclose(logits(again, FEATURES), logits(made, FEATURES), atol=1e-6)


def test_the_mlp_head_has_one_hidden_layer() -> None:
    shapes = [weight.shape for weight in head("mlp").get_weights()]
    assert shapes == [(8, HIDDEN), (HIDDEN,), (HIDDEN, 3), (3,)]
