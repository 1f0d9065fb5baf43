"""What every part of a configuration is made of."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.config.written import as_written

Positive = Annotated[int, Field(gt=0, le=10**12)]
Share = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, BeforeValidator(as_written)]  # a number stays as it is written
ClassName = Text


class Section(BaseModel):
    """A part of the configuration: fixed once made, and without room for unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
