"""`python -m tfdeid.train`, which is `tfdeid train`."""

from __future__ import annotations

import sys

from tfdeid.commands.train import run
from tfdeid.terminal import run_command


def main() -> int:
    return run_command("tfdeid.train", lambda: run(program="python -m tfdeid.train"))


if __name__ == "__main__":
    sys.exit(main())
