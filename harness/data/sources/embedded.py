"""Images inside a Parquet file, as Hugging Face writes them: a struct of `bytes` and `path`."""

import json
import tempfile
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
    facts = f"{path.resolve()} {status.st_size} {stamp(status)} {column}"
    folder = cache_directory() / "embedded" / blake2b(facts.encode(), digest_size=16).hexdigest()
    with pq.ParquetFile(path) as file:
        names = [f"{row:08d}" for row in range(1, file.metadata.num_rows + 1)]
        if not folder.is_dir():
            _extract(file, column, folder, path)
    return folder, names


def _extract(file: Any, column: str, folder: Path, path: Path) -> None:
    """Write the images into a folder beside `folder`, and move it there when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        making, row = Path(name) / "images", 0
        making.mkdir()
        for batch in file.iter_batches(ROWS, columns=[column]):
            for image in batch.column(0).to_pylist():
                row += 1
                if image is None or image["bytes"] is None:
                    raise UserError(f"{path} row {row}: the {column} holds no bytes of an image")
                (making / f"{row:08d}").write_bytes(image["bytes"])
        if not folder.is_dir():
            making.rename(folder)
