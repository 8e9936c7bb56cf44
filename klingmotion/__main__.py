"""The command line's front door: `klingmotion`, or `python -m klingmotion`.

It imports nothing outside the standard library itself, so that it can say what is missing.
"""

from __future__ import annotations

import sys

_EXTRA = ("typer", "rich")


def main() -> int:
    """Run the command line; its exit code."""
    try:
        from klingmotion.cli.app import run

        return run()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"The command line needs {error.name}, which is not installed. To install it:\n"
            '  pip install "klingmotion[cli]"\n'
        )
        return 2
    except KeyboardInterrupt:  # before a command has begun: from then on each says what it leaves behind
        return 130


if __name__ == "__main__":
    sys.exit(main())
