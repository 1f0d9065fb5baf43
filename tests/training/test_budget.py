from hypothesis import given
from hypothesis import strategies as st

from harness.config.experiment import Train
from harness.training.budget import epoch_examples, total_examples


def test_an_epoch_is_the_training_examples_unless_their_number_is_configured() -> None:
    assert epoch_examples(Train(epochs=3), 700) == (700, 700, 700)
    assert epoch_examples(Train(epochs=3, examples=100), 1_000_000) == (33, 33, 34)


@given(epochs=st.integers(1, 60), surplus=st.integers(0, 10_000))
def test_epochs_are_equal_but_for_one_example_and_add_up(epochs: int, surplus: int) -> None:
    train = Train(epochs=epochs, examples=epochs + surplus)
    sizes = epoch_examples(train, n_train=17)
    assert len(sizes) == epochs
    assert sum(sizes) == total_examples(train, n_train=17) == epochs + surplus
    assert max(sizes) - min(sizes) <= 1
