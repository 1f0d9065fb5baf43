"""A record that can be read but not written to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError
from harness.tracking.place import shown_uri
from harness.tracking.run import RecordedRun
from harness.tracking.store import COMPARISON, Store


class ReadOnly(Store):
    """A record that can be read but not written to: what would only be noted there is not."""

    @contextmanager
    def claim(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold nothing, as nobody else can write either."""
        yield True

    @contextmanager
    def turn(self, key: str) -> Iterator[bool]:
        """Hold nothing, as nobody else can write either."""
        yield True

    def start(
        self,
        name: str,
        tags: Mapping[str, object],
        params: Mapping[str, object],
        parent: str | None = None,
    ) -> str:
        """Raise UserError, for what is to run has nowhere to be recorded."""
        where = shown_uri()
        raise UserError(f"{name} is not recorded, and the record at {where} is read-only")

    def comparison(self, digest: str, name: str, experiment_name: str) -> str:
        """Return the run of the comparison with this digest, or nothing if it has none."""
        found = next(self.runs(f"tags.{COMPARISON} = '{digest}'"), None)
        return "" if found is None else found.run_id

    def end_comparison(
        self, run_id: str, name: str, metrics: Mapping[str, float], artifacts: Path
    ) -> None:
        """Note nothing."""

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Note nothing."""

    def publish(self, run_id: str, artifacts: Path, note: str) -> None:
        """Note nothing."""

    def adopt(self, run: RecordedRun, parent: str) -> None:
        """Note nothing."""

    def fail(self, run_id: str, message: str) -> None:
        """Note nothing."""

    def reap(self, mine: bool = False) -> None:
        """Note nothing."""
