"""A folder of small images, and how it is read."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.config.data import FolderData
from harness.data import images

COUNT = 30


def write(path: Path, grey: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(grey).integers(0, 256, (8, 9), np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    return path


def read(root: Path, mode: str = "disk", **options: Any) -> images.Images:
    settings = {"image_size": [6, 7], "channels": 1, "max_bad_fraction": 0.5, **options}
    cached = {"mode": mode, "max_gib": settings.pop("max_gib", 1.0)}
    section = FolderData.model_validate(
        {"source": "folder", "path": str(root), "cache": cached, **settings}
    )
    names = sorted(path.name for path in root.iterdir())
    return images.read(root, names, section)


def one_line(text: str) -> bool:
    return bool(text) and "\n" not in text
