"""The command line: one file per group of commands; nothing heavy is imported before it is needed."""

import os
from collections.abc import Sequence

PROGRAM = "polyomics"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: What follows the program's name; those of the process by default.

    Returns:
        0 done, 1 something computed has failed, 2 the request cannot be carried out, 70 a defect of polyomics,
        130 and 143 stopped by Ctrl-C and SIGTERM.
    """
    from polyomics.cli.application import make_application
    from polyomics.cli.ending import exit_code_of
    from polyomics.config import load_secret_files

    def run() -> object:
        load_secret_files(os.environ)
        return make_application().main(
            args=None if arguments is None else list(arguments), prog_name=PROGRAM, standalone_mode=False
        )

    return exit_code_of(run)
