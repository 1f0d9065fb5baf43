"""The console script: `harness …` and `python -m harness …`."""

import os
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, NoReturn

from harness.errors import (
    NotKept,
    RecordLost,
    TrialFailed,
    UserError,
    disk_full,
    message,
    one_line,
    reason,
)

if TYPE_CHECKING:
    from harness.processes.exits import Ending

INTERRUPTED = 130  # what Typer makes of KeyboardInterrupt
RESERVING = {"--json", "--csv"}
GOES_ON = "what was recorded stays, and the same command goes on from there"


def main() -> None:
    """Run the command that `sys.argv` names; a failed trial is exit status 1, wrong input 2.

    So is whatever else goes wrong one line: HARNESS_TRACEBACK=1 shows where. Status 0 is for what
    was done.
    """
    from harness.cli.output import steady
    from harness.processes.exits import ended_like_ctrl_c, no_sudden_exit, no_swallowed_ctrl_c

    with steady(), ended_like_ctrl_c() as ending, no_swallowed_ctrl_c(), no_sudden_exit():
        _run(ending)


def _run(ending: "Ending") -> NoReturn:
    from typer import Abort, TyperException

    from harness.cli.app import app
    from harness.cli.output import reserved

    arguments = sys.argv[1:] or ["--help"]
    try:
        with reserved() if RESERVING & {*arguments} else nullcontext():
            status = app(args=arguments, prog_name="harness", standalone_mode=False)
            if status == INTERRUPTED:
                raise KeyboardInterrupt
        sys.stdout.flush()
    except TyperException as error:
        text = getattr(error, "format_message", error.__str__)()
        _stop(f"{' '.join(text.split())} (see harness --help)", 2)
    except UserError as error:
        _stop(str(error), 2)
    except TrialFailed as error:
        _stop(f"trial failed: {message(error)}", 1)
    except NotKept as error:
        _stop(str(error), 1)
    except RecordLost as error:
        from harness.tracking.place import outbox_note

        _stop("; ".join(filter(None, (str(error), outbox_note(), GOES_ON))), 1)
    except (Abort, KeyboardInterrupt):
        by = "Ctrl-C" if ending.by is SIGINT else ending.by.name
        _stop(f"interrupted by {by}; {GOES_ON}", 128 + ending.by)
    except BaseException as error:  # a stranger's code may fail in any way
        if full := disk_full(error):
            _leave_output()
            _stop(f"{full}; {GOES_ON}", 1)
        if os.environ.get("HARNESS_TRACEBACK"):
            traceback.print_exc()
        _stop(f"broke down: {reason(error)}", 1)
    sys.exit(status if isinstance(status, int) else 0)


def _leave_output() -> None:
    """Have nothing more written when Python ends, which would fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(line: str, status: int) -> NoReturn:
    print(f"harness: {one_line(line)}", file=sys.stderr)
    sys.exit(status)


def _leave_current_directory() -> None:
    """Take back that `python -m` looks for modules in the current directory before all others.

    What happens to lie there is no code that anybody asked for. What the environment adds to the
    path comes after, and stays.
    """
    if not sys.flags.safe_path and sys.path[:1] == [str(Path.cwd())]:
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_directory()
    main()
