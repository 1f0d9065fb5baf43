"""What the trials of an experiment need where they run: data, weights, and code by its path."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.config.experiment import Experiment
from harness.data import source_of
from harness.data.cache import cache_directory
from harness.data.sources import Source
from harness.execution.node import Needs, digests
from harness.networks.weights import file_of
from harness.training.precision import precision_for

PLACES = ("path", "root")


def needs(experiment: Experiment, plugins: Iterable[Path]) -> tuple[Needs, Source | None]:
    """Return what a node needs, and the data themselves if this process has them in memory.

    Data that are in files are read by each node where they lie.
    """
    files = tuple(plugin.absolute() for plugin in plugins)
    source = source_of(experiment)
    comes_along = source.is_in_memory
    paths = dict(_paths(experiment, files, with_data=not comes_along))
    cache = cache_directory().absolute()
    is_used = cache.is_dir() and (experiment.model.frozen or not comes_along)
    precision = precision_for(experiment.train)
    contents = digests(experiment, files)
    needed = Needs(experiment, files, paths, contents, precision, cache if is_used else None)
    return needed, source if comes_along else None


def _paths(
    experiment: Experiment, plugins: Iterable[Path], with_data: bool
) -> Iterator[tuple[str, Path]]:
    if with_data:
        for key in PLACES:
            place = getattr(experiment.data, key, None)
            if place and Path(place).exists():  # other names are of data sets elsewhere
                yield f"data.{key}", Path(place)
    if (weights := file_of(experiment.model)) is not None:
        yield "model.weights", weights.absolute()
    if (code := experiment.model.network_from) is not None:
        yield "--network-from", code
    for plugin in plugins:
        yield f"--plugin {plugin.name}", plugin
