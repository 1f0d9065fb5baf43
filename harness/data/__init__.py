"""From a configuration to the training, validation and sealed test examples."""

from dataclasses import replace
from functools import lru_cache

from pydantic import TypeAdapter

from harness.config.data import Data
from harness.config.experiment import Experiment
from harness.data.copies import DROPPED, treated
from harness.data.sources import Source, load
from harness.data.split import Splits, split
from harness.errors import UserError


def prepare(experiment: Experiment, seed: int) -> Splits:
    """Load the data and split them by `seed`, both kept for later calls of the process.

    Identical examples are dropped before, if asked for. Each call seals the test set anew. Raises
    UserError for data that cannot be read or split as configured.
    """
    deciding = experiment.model_dump_json(by_alias=True, include={"data", "imbalance", "split"})
    kept = _split(deciding, seed)
    return replace(kept, test=kept.test.anew())


def source_of(experiment: Experiment) -> Source:
    """Load the data, as `prepare` does before it splits them; kept for later calls."""
    return _loaded(experiment.data.model_dump_json())


def take_over(experiment: Experiment, source: Source) -> None:
    """Have this process prepare data that another one has read, instead of reading them itself."""
    _taken_over[experiment.data.model_dump_json()] = source


def forget() -> None:
    """Have the data read anew by whoever prepares them next."""
    _taken_over.clear()
    _split.cache_clear()
    _loaded.cache_clear()


_taken_over: dict[str, Source] = {}


@lru_cache(maxsize=4)
def _split(deciding: str, seed: int) -> Splits:
    experiment = Experiment.model_validate_json(deciding)
    source = _loaded(experiment.data.model_dump_json())
    source = treated(source, experiment.data.duplicates, experiment.imbalance)
    try:
        splits = split(source, experiment, seed)
        return replace(splits, source=source.digest, originals=source.originals)
    except UserError as error:
        dropped = [note for note in source.notes if note.startswith(DROPPED)]
        if not dropped:
            raise
        raise UserError(f"{error} ({'; '.join(dropped)})") from error


@lru_cache(maxsize=2)
def _loaded(section: str) -> Source:
    if section in _taken_over:
        return _taken_over[section]
    adapter: TypeAdapter[Data] = TypeAdapter(Data)
    return load(adapter.validate_json(section)).identified()
