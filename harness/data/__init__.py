"""From a configuration to the training, validation and sealed test examples."""

from functools import lru_cache

from pydantic import TypeAdapter

from harness.config.experiment import Data, Experiment
from harness.data.copies import treated
from harness.data.sources import Source, load
from harness.data.split import Splits, split


def prepare(experiment: Experiment, seed: int) -> Splits:
    """Load the data (kept for later calls of the process) and split them by `seed`.

    Identical examples are dropped before, if asked for. Raises UserError for data that cannot be
    read or split as configured.
    """
    return split(_loaded(experiment.data.model_dump_json()), experiment, seed)


@lru_cache(maxsize=2)
def _loaded(section: str) -> Source:
    adapter: TypeAdapter[Data] = TypeAdapter(Data)
    data = adapter.validate_json(section)
    return treated(load(data), data.duplicates)
