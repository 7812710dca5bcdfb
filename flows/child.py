"""The process of one study under a worker that shows its work: the same as without, since the worker shows it."""

from __future__ import annotations

import sys

from polyomics.work.child import main

if __name__ == "__main__":
    sys.exit(main())
