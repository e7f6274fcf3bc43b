"""What the Flex Template's launcher runs: the usual command line, with the template's parameters as its options."""

import sys

from beam.deid import main

if __name__ == "__main__":
    sys.exit(main())
