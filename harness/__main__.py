"""The console script: `harness …` and `python -m harness …`."""

import errno
import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NoReturn

from harness.errors import TrialFailed, UserError, one_line


def main() -> None:
    """Run a command; a user's mistake is one line and exit status 2, a failed trial status 1."""
    from typer import Abort, TyperException

    from harness.cli.app import app
    from harness.cli.output import reserved

    arguments = sys.argv[1:] or ["--help"]
    try:
        with reserved() if "--json" in arguments else nullcontext():
            status = app(args=arguments, prog_name="harness", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        reason = getattr(error, "format_message", error.__str__)()
        _stop(f"{' '.join(reason.split())} (see harness --help)", 2)
    except UserError as error:
        _stop(str(error), 2)
    except TrialFailed as error:
        _stop(f"trial failed: {error}", 1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _leave_output()
        _stop("no space is left to write to; what was recorded before stays", 1)
    except (Abort, KeyboardInterrupt):
        _stop("interrupted; what was recorded stays, and the same command runs again", 130)
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
