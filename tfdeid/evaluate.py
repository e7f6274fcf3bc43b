"""`python -m tfdeid.evaluate`, which is `tfdeid evaluate`."""

from __future__ import annotations

import sys

from tfdeid.commands.evaluate import run
from tfdeid.terminal import run_command


def main() -> int:
    return run_command("tfdeid.evaluate", lambda: run(program="python -m tfdeid.evaluate"))


if __name__ == "__main__":
    sys.exit(main())
