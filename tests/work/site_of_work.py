"""Worker processes as a user starts them, and programs of a GPU node that write down how they were called."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from disturbed import HARDWARE, Place, wait_until

from polyomics.database.rows import WorkerRow
from polyomics.database.store import Store
from polyomics.database.workers import workers
from polyomics.md.stage import Stage
from polyomics.spec import StudySpec

WORKER = [sys.executable, "-m", "polyomics.cli", "worker", "--no-benchmark", "--name", "tested", "--pool", "test"]
ON_CPU = ("--platform", HARDWARE["platform"], "--threads", str(HARDWARE["threads"]))
TWO_CARDS = """GPU 0: NVIDIA H200 (UUID: GPU-aaaaaaaa-1111-2222-3333-444444444444)
GPU 1: NVIDIA H200 (UUID: GPU-bbbbbbbb-1111-2222-3333-444444444444)
"""
FIRST, SECOND = "GPU-aaaaaaaa-1111-2222-3333-444444444444", "GPU-bbbbbbbb-1111-2222-3333-444444444444"


@dataclass
class Node:
    """A machine with programs of our own on its PATH, which write down how they were called."""

    folder: Path
    calls_file: Path = field(init=False)

    def __post_init__(self) -> None:
        self.calls_file = self.folder / "calls"
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> str:
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def add(self, name: str, says: str = "", code: int = 0, error: str = "") -> None:
        """An executable that notes its arguments, input and MPS variables, says something, and ends with a code."""
        (self.folder / f"{name}.out").write_text(says)
        (self.folder / f"{name}.err").write_text(error)
        script = self.folder / name
        script.write_text(
            f"""#!{sys.executable}
import fcntl, json, os, stat, sys
piped = not sys.stdin.isatty() and not stat.S_ISCHR(os.fstat(0).st_mode)
call = {{"name": {name!r}, "arguments": sys.argv[1:], "input": sys.stdin.read() if piped else "",
        "environment": {{k: v for k, v in os.environ.items() if k.startswith(("CUDA_", "SLURM_"))}}}}
call["folders"] = [v for k, v in os.environ.items() if k.startswith("CUDA_MPS") and os.path.isdir(v)]
with open({str(self.calls_file)!r}, "a") as stream:
    fcntl.flock(stream, fcntl.LOCK_EX)
    stream.write(json.dumps(call) + "\\n")
sys.stdout.write(open({str(self.folder / f"{name}.out")!r}).read())
sys.stderr.write(open({str(self.folder / f"{name}.err")!r}).read())
sys.exit({code})
"""
        )
        script.chmod(0o755)

    def calls(self, name: str) -> list[dict[str, object]]:
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [call for call in map(json.loads, lines) if call["name"] == name]


@dataclass
class Site(Place):
    """A home folder and a database where the command `polyomics worker` is started."""

    def work(self, *options: str, environment: dict[str, str] | None = None, command: list[str] | None = None) -> int:
        """Run a worker to its end; its exit code."""
        return self.start(*options, environment=environment, command=command).wait(timeout=240)

    def start(
        self, *options: str, environment: dict[str, str] | None = None, command: list[str] | None = None
    ) -> "subprocess.Popen[bytes]":
        with (self.home / f"worker-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*(command or WORKER), *options],
                env=self.environment | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def row(self, name: str = "tested") -> WorkerRow:
        with Store.open(self.url, read_only=True) as store:
            (found,) = [row for row in workers(store, alive=False) if row.name == name]
            return found

    def wait_for_segments(self, key: str, n_segments: int) -> None:
        wait_until(lambda: self.n_segments(key) >= n_segments, f"{n_segments} segments are done", self)

    def environment_of(self, pid: int) -> dict[str, str]:
        """What a process found in its environment."""
        items = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(item.split("=", 1) for item in items if "=" in item)


def with_last_stage(spec: StudySpec, stage: Stage) -> StudySpec:
    """The study with another last stage."""
    stages = (*spec.protocol.stages[:-1], stage)
    return spec.model_copy(update={"protocol": spec.protocol.model_copy(update={"stages": stages})})
