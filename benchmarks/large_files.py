"""Time reading large JPEG files beside Keras, and compare their pixels with those of full decoding.

Run `.venv/bin/python benchmarks/large_files.py`. The files are crops of scikit-learn's two sample
photographs, enlarged to six megapixels, with the noise of a sensor (`--noise`, in grey levels; it
makes files larger and their decoding slower, by whatever means). Rounds are interleaved: go by the
ratios.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from timing import interleaved

from harness.config.data import FolderData
from harness.data.sources import load
from harness.decoding.decoder import Decoder

WHOLE = 3000, 2000
SIZE = [224, 224]
COMPARED = 40
KERAS = "Keras: image_dataset_from_directory, one epoch"


def write(folder: Path, count: int, noise: int) -> None:
    """Write photographs of six megapixels as JPEG files of quality 90, in two classes."""
    from sklearn.datasets import load_sample_images

    scenes = [Image.fromarray(scene) for scene in load_sample_images().images]
    rng = np.random.default_rng(0)
    for number in range(count):
        scene = scenes[number % len(scenes)]
        share = rng.uniform(0.5, 0.95)
        width, height = (int(share * side) for side in scene.size)
        left = int(rng.integers(scene.width - width))
        top = int(rng.integers(scene.height - height))
        cut = scene.crop((left, top, left + width, top + height))
        values = np.asarray(cut.resize(WHOLE, Image.Resampling.BICUBIC), np.int16)
        values = values + rng.integers(-noise, noise + 1, (*values.shape[:2], 1), np.int16)
        path = folder / f"scene{number % len(scenes)}" / f"{number:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path, quality=90)


def speed(console: Console, folder: Path, cache: Path, rounds: int) -> None:
    """Print how long each way of reading takes, and what Keras takes for the same."""
    paths = sorted(folder.rglob("*.jpg"))
    ways: dict[str, Callable[[], None]] = {
        KERAS: lambda: _keras(folder),
        "Pillow's draft to the nearest scale, two threads": lambda: _draft(paths),
        "ingest, in this process": lambda: _ingest(folder, cache),
        "harness data --prepare, whole command": lambda: _command(folder, cache),
    }
    seconds = interleaved(ways, rounds)
    table = Table("what", "median s", "Keras' time / it", title=f"{len(paths)} JPEG files")
    for name, each in seconds.items():
        ratios = [other / own for other, own in zip(seconds[KERAS], each, strict=True)]
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(name, f"{median(each):.2f}", ratio)
    console.print(table)


def pixels(console: Console, folder: Path) -> None:
    """Print how far pixels are from those of full decoding, in grey levels of 256."""
    apart = []
    for path in sorted(folder.rglob("*.jpg"))[:COMPARED]:
        content = path.read_bytes()
        ours = np.frombuffer(Decoder(SIZE[0], SIZE[1], 3, 10**8).decoded(content).pixels, np.uint8)
        with Image.open(io.BytesIO(content)) as image:
            whole = image.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR)
        apart.append(np.abs(ours.astype(int) - np.asarray(whole).ravel().astype(int)))
    every = np.concatenate(apart)
    console.print(
        f"reduced against full decoding, {len(apart)} files: mean {every.mean():.2f}, "
        f"99th percentile {np.percentile(every, 99):.0f}, most {every.max()} grey levels"
    )


def _keras(folder: Path) -> None:
    import keras

    dataset: Any = keras.utils.image_dataset_from_directory(
        str(folder), image_size=SIZE, batch_size=32, verbose=False
    )
    for _ in dataset:
        pass


def _draft(paths: list[Path]) -> None:
    def read(path: Path) -> bytes:
        with Image.open(path) as image:
            image.draft(None, (SIZE[1], SIZE[0]))
            return image.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR).tobytes()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(read, paths))


def _ingest(folder: Path, cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    section = {"source": "folder", "path": str(folder), "image_size": SIZE}
    load(FolderData.model_validate(section | {"cache": {"directory": str(cache)}}))


def _command(folder: Path, cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    settings = ("--set", f"data.path={folder}", "--set", f"data.image_size={SIZE}")
    subprocess.run(
        [sys.executable, "-m", "harness", "data", "--prepare", "-c", "folder", *settings],
        env=os.environ | {"HARNESS_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> None:
    """Write the files, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="files to read (default 200)")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default 3)")
    parser.add_argument("--noise", type=int, default=0, help="of the sensor (default 0)")
    given = parser.parse_args()
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "images", Path(name) / "cache"
        folder.mkdir()
        write(folder, given.images, given.noise)
        pixels(console, folder)
        speed(console, folder, cache, given.rounds)


if __name__ == "__main__":
    main()
