"""Time reading a folder of PNG files beside Keras' `image_dataset_from_directory`.

Run `.venv/bin/python benchmarks/ingest.py`. Everything that is compared runs in one process and in
interleaved rounds, so that other load on the machine strikes all alike: go by the ratios.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from timing import interleaved

from harness.config.data import FolderData, IdxData
from harness.data.examples import Examples
from harness.data.sources import Source, load
from harness.training.feed import chunks, gathered

BATCH = 128
SIZE = [28, 28]


def write(folder: Path, count: int) -> None:
    """Write Fashion-MNIST images as PNG files, a sub-folder a class; from the first on if short."""
    images = load(IdxData(source="idx")).train
    for start in range(0, count, 1000):
        rows = np.arange(start, min(start + 1000, count))
        labels = images.labels[rows % len(images)]
        for row, label, pixels in zip(
            rows.tolist(), labels, images.gather(rows % len(images)), strict=True
        ):
            path = folder / images.class_names[label].replace("/", "_") / f"{row:07}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels[..., 0]).save(path)


class Reading:
    """A folder, read by the harness and by Keras."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        self.cached: Source | None = None
        self.on_the_fly = self._load("none")
        self.dataset: Any = None

    def ingest(self) -> None:
        """Decode all files into an empty cache."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.cached = self._load("disk")

    def again(self) -> None:
        """Start once more with a full cache, as another process would, and read one epoch."""
        self.cached = self._load("disk")
        self.cached_epoch()

    def cached_epoch(self) -> None:
        """Read one epoch from the cache."""
        assert self.cached is not None
        _epoch(self.cached.train)

    def decoded_epoch(self) -> None:
        """Read one epoch without a cache."""
        _epoch(self.on_the_fly.train)

    def keras_first(self) -> None:
        """Make Keras' data set and read it once."""
        import keras

        self.dataset = keras.utils.image_dataset_from_directory(
            str(self.folder),
            color_mode="grayscale",
            image_size=SIZE,
            batch_size=BATCH,
            verbose=False,
        )
        self.keras_epoch()

    def keras_epoch(self) -> None:
        """Read Keras' data set once more."""
        for _ in self.dataset:
            pass

    def _load(self, mode: str) -> Source:
        cache = {"mode": mode, "directory": str(self.cache)}
        section = {"source": "folder", "path": str(self.folder), "cache": cache}
        return load(FolderData.model_validate(section | {"image_size": SIZE, "channels": 1}))


def _epoch(examples: Examples) -> None:
    order = np.random.default_rng(0).permutation(len(examples))
    for _ in gathered(examples, chunks(order, BATCH, SIZE[0] * SIZE[1])):
        pass


def speed(console: Console, folder: Path, cache: Path, count: int, rounds: int) -> None:
    """Print how long each way of reading takes, and what Keras takes for the same."""
    reading = Reading(folder, cache)
    seconds = interleaved(
        {
            "Keras: first epoch": reading.keras_first,
            "ingest": reading.ingest,
            "Keras: second epoch": reading.keras_epoch,
            "cached epoch": reading.cached_epoch,
            "second start, with an epoch": reading.again,
            "epoch decoded on the fly": reading.decoded_epoch,
        },
        rounds,
    )
    table = Table("what", "median s", "images/s", "Keras' time / it", title=f"{count:,} PNG files")
    for name, each in seconds.items():
        other = seconds["Keras: first epoch" if name == "ingest" else "Keras: second epoch"]
        ratio = "" if name.startswith("Keras") else _ratio(other, each)
        table.add_row(name, f"{median(each):.3f}", f"{count / median(each):,.0f}", ratio)
    console.print(table)


def main() -> None:
    """Write the files and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000, help="files to read (default 20000)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default 5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "images", Path(name) / "cache"
        folder.mkdir()
        write(folder, given.images)
        speed(Console(width=100), folder, cache, given.images, given.rounds)


def _ratio(above: list[float], below: list[float]) -> str:
    """Return the median over rounds of the ratio within a round, and its range."""
    each = [a / b for a, b in zip(above, below, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


if __name__ == "__main__":
    main()
