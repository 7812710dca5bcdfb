"""`python -m polyomics.cli`."""

import sys

from polyomics.cli import main

if __name__ == "__main__":
    sys.exit(main())
