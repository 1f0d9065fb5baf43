"""In which numbers a trial computes: they decide more than the last bits of its results."""

import ctypes
from functools import cache

from harness.config.experiment import Train
from harness.networks.apart import apart
from harness.networks.precision import FULL, MIXED

DRIVER = "libcuda.so.1"
CAPABILITY = (8, 0)
"""From this compute capability on, NVIDIA's tensor cores multiply bfloat16 (Ampere, 2020)."""


def precision_for(train: Train) -> str:
    """Return `train.precision`; if that is `auto`, what the machine is made for.

    That is `mixed_bfloat16` on a GPU whose tensor cores multiply it, else `float32`.
    """
    if train.precision != "auto":
        return train.precision
    return MIXED if _has_tensor_cores() else FULL


@cache
def _has_tensor_cores() -> bool:
    """Ask the framework, in a process of its own, but only where the GPU's driver finds a GPU."""
    if not _driver_finds_one():
        return False
    try:
        return apart(framework_computes_on, "GPU") == str(True)
    except RuntimeError:
        return False


def _driver_finds_one() -> bool:
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return False
    count = ctypes.c_int(0)
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return found and count.value > 0


def framework_computes_on(kind: str) -> bool:
    """Whether all devices of a kind that the framework would compute on have such tensor cores."""
    from harness.training.framework import tf

    details = tf.config.experimental.get_device_details
    devices = tf.config.list_physical_devices(kind)
    capabilities = [details(each).get("compute_capability", (0, 0)) for each in devices]
    return bool(capabilities) and min(capabilities) >= CAPABILITY
