"""`pytest --quick`: what loads the framework, starts a process or opens a database is skipped.

It needs no list and no mark: what a test does decides, at the moment it does it.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

FRAMEWORK = ("tensorflow", "keras")
SLOW_EVENTS = {
    "subprocess.Popen": "starts a process",
    "os.fork": "starts a process",
    "os.posix_spawn": "starts a process",
    "sqlite3.connect": "opens a database",
}


class Quick:
    """The plugin. What a trial catches of it, a test cannot, so a report is corrected too."""

    def __init__(self) -> None:
        self._watching = False
        self._left_out = ""
        self._consequences: list[BaseException] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "import" and str(arguments[0]).partition(".")[0] in FRAMEWORK:
            self.leave_out("loads the framework")
        if event in SLOW_EVENTS:
            self.leave_out(SLOW_EVENTS[event])

    def leave_out(self, reason: str) -> None:
        self._left_out = reason
        pytest.skip(f"--quick: {reason}", allow_module_level=True)

    @contextmanager
    def _watch(self) -> Generator[None]:
        start = BaseProcess.start
        BaseProcess.start = lambda process: self.leave_out("starts a process")
        self._watching, self._left_out = True, ""
        try:
            yield
        finally:
            BaseProcess.start = start
            self._watching = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        with self._watch():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, Any]:
        with self._watch():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        report = yield
        if report.failed and self._is_consequence(call):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, "Skipped: --quick: of what was left out")
        return report

    def _is_consequence(self, call: pytest.CallInfo[None]) -> bool:
        """A fixture that failed raises the same error for each test, at any later time."""
        if call.excinfo is None:
            return False
        error = call.excinfo.value
        if self._left_out:
            self._consequences.append(error)
        return any(error is known for known in self._consequences)
