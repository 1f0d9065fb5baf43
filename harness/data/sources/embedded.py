"""Images inside a table, as Hugging Face keeps them: a struct of `bytes` and `path`."""

import json
import tempfile
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from harness.data.cache import cache_directory
from harness.decoding.files import stamp
from harness.errors import UserError

ROWS = 256
HUGGING_FACE = b"huggingface"


def image_column(schema: Any, name: str) -> str:
    """Return the column that holds the images themselves, or nothing if paths are in `name`."""
    import pyarrow as pa  # type: ignore[import-untyped]

    def embeds(kind: Any) -> bool:
        return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    if name in schema.names:
        return name if embeds(schema.field(name).type) else ""
    found = [field.name for field in schema if embeds(field.type)]
    return found[0] if len(found) == 1 and name == "path" else ""


def label_names(schema: Any, column: str) -> list[str]:
    """Return the names of classes that Hugging Face keeps beside numbers, or none."""
    try:
        facts = json.loads((schema.metadata or {})[HUGGING_FACE])
        names = facts["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def extracted(path: Path, column: str) -> tuple[Path, list[str]]:
    """Return a folder of the cache with the images of a column as files, and their names, by row.

    They are written once for each state of the Parquet file. Raises UserError for a row without an
    image.
    """
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    status = path.stat()
    folder = folder_of(f"{path.resolve()} {status.st_size} {stamp(status)} {column}")
    with pq.ParquetFile(path) as file:
        names = [file_name(row) for row in range(1, file.metadata.num_rows + 1)]
        if not folder.is_dir():
            batches = file.iter_batches(ROWS, columns=[column])
            images = (image for batch in batches for image in batch.column(0).to_pylist())
            extract(images, folder, f"{path} row {{}}: the {column}")
    return folder, names


def folder_of(facts: str) -> Path:
    """Return the folder of the cache for the images of what these facts tell from all else."""
    return cache_directory() / "embedded" / blake2b(facts.encode(), digest_size=16).hexdigest()


def file_name(row: int) -> str:
    """Return what the file with a row's image is called."""
    return f"{row:08d}"


def extract(images: Iterable[Any], folder: Path, where: str, *, links: bool = False) -> None:
    """Write images into a folder beside `folder`, and move it there when it is whole.

    An image is a mapping of `bytes`, or else, with `links`, of the `path` of a file to link to.
    Raises UserError, at `where` with the number of the row, for a row without an image.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        making = Path(name) / "images"
        making.mkdir()
        for row, image in enumerate(images, start=1):
            content, file = (image or {}).get("bytes"), making / file_name(row)
            path = Path((image or {}).get("path") or "")
            if content is not None:
                file.write_bytes(content)
            elif links and path.is_absolute() and path.is_file():
                file.symlink_to(path)
            else:
                raise UserError(f"{where.format(row)} holds no bytes of an image")
        if not folder.is_dir():
            making.rename(folder)
