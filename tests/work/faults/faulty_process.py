"""Run a module of ours with faults in it: at a chosen call of a chosen function this very process is killed or stopped.

`python -m faulty_process MODULE ARGUMENTS...`, or as `child_module` of a worker. The faults wait as files in the folder
that FAULTS names, one for each process, taken in order of their names; a process without one runs as always.
"""

import importlib
import itertools
import json
import os
import re
import runpy
import signal
import sys
from functools import wraps
from pathlib import Path
from typing import Any


def arm(folder: Path) -> None:
    """Put the first fault that waits in `folder` into this process."""
    waiting = sorted(folder.glob("*.json"))
    if not waiting:
        return
    fault = json.loads(waiting[0].read_text())
    module, _, path = fault["at"].partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    numbers = itertools.count(1)

    @wraps(original)
    def faulty(*arguments: Any, **settings: Any) -> Any:
        meant = re.search(fault["match"], repr(arguments)) and next(numbers) == fault["call"]
        if meant and fault["when"] == "before":
            strike(waiting[0], fault["signal"])
        result = original(*arguments, **settings)
        if meant and fault["when"] == "after":
            strike(waiting[0], fault["signal"])
        return result

    setattr(owner, name, faulty)


def strike(file: Path, name: str) -> None:
    """Tick the fault off, and send the signal to this process."""
    file.rename(file.with_suffix(".struck"))
    os.kill(os.getpid(), getattr(signal, name))


if __name__ == "__main__":
    arm(Path(os.environ["FAULTS"]) / os.environ.get("FAULTS_OF", "child"))
    os.environ["FAULTS_OF"] = "child"
    if sys.argv[1].startswith("{"):  # the orders of a study's process
        sys.argv.insert(1, "polyomics.work.child")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
