"""Weights that a body begins with: where they are, what they are, and how they get there."""

import hashlib
import os
import socket
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.backbones import BACKBONES, HUB, Backbone
from harness.config.model import NO_WEIGHTS, PRETRAINED, Model
from harness.errors import UserError, reason
from harness.networks.apart import apart
from harness.networks.layers import in_order

KERAS = ".keras"
SUFFIXES = (".h5", KERAS)
EXAMPLE = "Example error message"
PATIENCE = 60.0
"""Seconds that a server may be silent before a download is given up."""


def digest(model: Model) -> str:
    """Return a fingerprint of the content of the weights, which are downloaded if need be.

    Raises:
        UserError: they can't be found, read or downloaded.

    """
    path = file_of(model)
    if path is None:
        return model.weights
    if model.weights == PRETRAINED and not path.is_file():
        _download(BACKBONES[model.name], path)
    try:
        return digest_of_file(path)
    except OSError as error:
        raise UserError(f"model.weights {str(path)!r}: {error.strerror}") from error


def digest_of_file(path: Path) -> str:
    """Return a fingerprint of a file's content; raises OSError where it can't be read."""
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


def file_of(model: Model) -> Path | None:
    """Return the file with a model's weights; None where there is none to be read by us."""
    if model.weights == NO_WEIGHTS or model.name.startswith(HUB):
        return None
    if model.weights == PRETRAINED:
        return _keras_home() / "models" / BACKBONES[model.name].weights_file
    path = Path(model.weights)
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"model.weights {model.weights!r}: write {PRETRAINED}, {NO_WEIGHTS} or the path of a "
            "file that ends in .weights.h5, .h5 or .keras"
        )
    return path


def load(body: Any, model: Model) -> None:
    """Give a body its weights, if it is to have some.

    Raises:
        UserError: the file is damaged, or holds the weights of another network.

    """
    path = file_of(model)
    if path is None:
        return
    _check_whole(model, path)
    of = body.layers[-1] if model.name in BACKBONES else body
    try:
        with _quietly():
            _load_all(of, path)
    except Exception as error:  # what h5py and Keras raise has no common base
        why = reason(error).partition(EXAMPLE)[0].strip()  # which has whole arrays in it
        raise UserError(
            f"model.weights {str(path)!r} do not fit model.name {model.name!r} ({why}); give those "
            "of this network, saved without a last layer"
        ) from error


def _check_whole(model: Model, path: Path) -> None:
    """Raise UserError if a file is cut short, or of another kind than its name says."""
    import h5py

    try:
        (zipfile.ZipFile if path.suffix == KERAS else h5py.File)(path).close()
    except (OSError, zipfile.BadZipFile) as error:
        mend = "give a file that Keras saved"
        if model.weights == PRETRAINED:
            mend = "remove it, and it is downloaded again"
        raise UserError(
            f"model.weights {str(path)!r} can't be read: it is cut short, or no {path.suffix} file "
            f"({reason(error)}); {mend}"
        ) from error


def _load_all(body: Any, path: Path) -> None:
    """Load a file, and raise ValueError for weights that it has not, or not as numbers."""
    for weight in body.weights:
        if "float" in weight.dtype:
            weight.assign(np.full(weight.shape, np.nan))
    (_take_over if path.suffix == KERAS else _load_h5)(body, path)
    missing = [each.path for each in body.weights if np.isnan(each.numpy()).any()]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(body.weights)} weights are not there, or no numbers: "
            f"{missing[0]} is the first"
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Drop what Keras warns of: layers that it can't find are looked for here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _load_h5(body: Any, path: Path) -> None:
    """Load a file of weights in the new form or the old one, as the content says."""
    import h5py

    with h5py.File(path) as file:
        is_old = "layer_names" in file.attrs or "model_weights" in file
        if is_old and _load_first(body, file.get("model_weights", file)):
            return
    if is_old == path.name.endswith(".weights.h5"):  # Keras goes by the name
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / ("named.h5" if is_old else "named.weights.h5")
            named.symlink_to(path.absolute())
            body.load_weights(named)
    else:
        body.load_weights(path)


def _load_first(body: Any, saved: Any) -> bool:
    """Load the first layers of a file that has more of them, such as a last one; else do nothing.

    Layers are matched by their order, as Keras does with such files.
    """
    names = [name for name in saved.attrs["layer_names"] if len(saved[name].attrs["weight_names"])]
    layers = [layer for layer in in_order(body) if layer.weights]
    if len(names) <= len(layers):
        return False
    for layer, name in zip(layers, names, strict=False):
        group = saved[name]
        values = [group[weight][()] for weight in group.attrs["weight_names"]]
        variables = [*layer.trainable_variables, *layer.non_trainable_variables]
        have = [tuple(value.shape) for value in values]
        if have != [tuple(variable.shape) for variable in variables]:
            raise ValueError(f"layer {layer.name} has weights of other shapes than {name} there")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return True


def _take_over(body: Any, path: Path) -> None:
    """Take the weights of a whole model, without its last layers where the body has none."""
    import keras

    found = keras.models.load_model(path, compile=False, safe_mode=True).weights
    wanted = body.weights
    for number, weight in enumerate(wanted):
        have = tuple(found[number].shape) if number < len(found) else None
        if have != tuple(weight.shape):
            raise ValueError(
                f"weight {number + 1} has the shape {have} there and {tuple(weight.shape)} here"
            )
    for weight, value in zip(wanted, found, strict=False):
        weight.assign(value)


def fetch(name: str) -> None:
    """Have Keras fetch a backbone's weights to where it keeps them, if they aren't there."""
    import keras

    socket.setdefaulttimeout(PATIENCE)
    with _quietly():
        getattr(keras.applications, BACKBONES[name].made_by)(weights="imagenet", include_top=False)


def _download(backbone: Backbone, path: Path) -> None:
    try:
        apart(fetch, backbone.name)
    except RuntimeError as error:
        raise UserError(
            f"the ImageNet weights of {backbone.name} can't be downloaded ({error}): put "
            f"{path.name} into {path.parent}, or give its path as model.weights"
        ) from error
    if not path.is_file():
        raise UserError(
            f"the ImageNet weights of {backbone.name} are not at {path}, where this version of "
            "Keras should keep them; give the path of the file as model.weights"
        )


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


@lru_cache(maxsize=32)
def _digest_of(path: Path, size: int, time: int) -> str:
    """Digest a file; its size and time are part of the question, so an edited one is read anew."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
