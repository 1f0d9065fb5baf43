"""What is handed on to the samplers of imbalanced-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator


def _numbered(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the numbers of classes, which are text in YAML, as numbers."""
    wanted = options.get("sampling_strategy")
    if not isinstance(wanted, Mapping):
        return options
    numbers = {
        int(key) if isinstance(key, str) and key.isdecimal() else key: count
        for key, count in wanted.items()
    }
    return options | {"sampling_strategy": numbers}


SamplerOptions = Annotated[dict[str, Any], AfterValidator(_numbered)]
