"""The console script: `harness …` and `python -m harness …`."""

import sys

from harness.errors import TrialFailed, UserError


def main() -> None:
    """Run a command; a user's mistake is one line and exit status 2, a failed trial status 1."""
    from harness.cli.app import app

    try:
        app()
    except UserError as error:
        print(f"harness: {error}", file=sys.stderr)
        sys.exit(2)
    except TrialFailed as error:
        print(f"harness: trial failed: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
