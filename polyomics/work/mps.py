"""NVIDIA MPS: several processes on one GPU at the same time instead of in turn; needs no rights but the user's."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from polyomics.work.gpus import VISIBLE, Gpu, Place

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS, SHARE = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY", "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
ANSWER_WITHIN_S = 30.0
"""How long the control program may take to start its server, or to answer [s]."""
OVERLAP = 2.0
"""How many times the card is given out: processes wait for each other, so each may use more than its even share."""

logger = logging.getLogger(__name__)


def share_percent(n_processes: int) -> int:
    """The part of a GPU's cores that each of several processes may use [%]."""
    return min(100, round(OVERLAP * 100.0 / n_processes))


@contextmanager
def places(gpus: Sequence[Gpu | None], *, with_mps: bool = True) -> Iterator[list[Place]]:
    """The places of slots, with an MPS server for every GPU that several slots share, while the block runs.

    Without MPS, for which there can be many reasons, the processes take turns on the card: slower, but right.

    Args:
        gpus: The GPU of each slot.
        with_mps: Start servers; one that the environment names is used as it is.
    """
    with ExitStack() as stack:
        shared = [gpu for gpu in dict.fromkeys(gpus) if gpu is not None and gpus.count(gpu) > 1]
        servers: dict[Gpu, dict[str, str]] = {}
        for gpu in shared if with_mps else ():
            found = _environments_own(os.environ) or stack.enter_context(_server(gpu))
            if found:
                servers[gpu] = {**found, SHARE: str(share_percent(gpus.count(gpu)))}
        yield [Place() if gpu is None else _place(gpu, servers.get(gpu)) for gpu in gpus]


def alone(place: Place) -> Place:
    """The same place beside the MPS server: what fails there fails by itself, and takes nobody with it."""
    nowhere = str(Path(tempfile.gettempdir()) / "polyomics-no-mps")
    return replace(place, is_shared=False, environment={**place.environment, PIPES: nowhere, SHARE: "100"})


def _place(gpu: Gpu, server: Mapping[str, str] | None) -> Place:
    return Place(gpu, {VISIBLE: gpu.id, **(server or {})}, is_shared=server is not None)


def _environments_own(environment: Mapping[str, str]) -> dict[str, str]:
    """A server somebody else looks after."""
    return {PIPES: environment[PIPES]} if environment.get(PIPES) else {}


@contextmanager
def _server(gpu: Gpu) -> Iterator[dict[str, str]]:
    """A server for one GPU, in a folder nobody else can enter; an empty mapping if it cannot be started."""
    folder = Path(tempfile.mkdtemp(prefix="polyomics-mps-", dir="/tmp"))  # a socket's path has about 100 characters
    environment = {PIPES: str(folder / "pipe"), LOGS: str(folder / "log")}
    try:
        for path in environment.values():
            Path(path).mkdir(mode=0o700)
        problem = _control(["-d"], {**environment, VISIBLE: gpu.id})
        if problem:
            logger.warning("NVIDIA MPS does not start for GPU %s, its slots take turns on it: %s", gpu, problem)
            yield {}
            return
        logger.info("NVIDIA MPS serves GPU %s", gpu)
        try:
            yield environment
        finally:
            problem = _control([], environment, said="quit\n")
            if problem:
                logger.warning("NVIDIA MPS of GPU %s does not stop: %s", gpu, problem)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _control(arguments: Sequence[str], environment: Mapping[str, str], said: str = "") -> str:
    """Call the control program; why it failed, or nothing."""
    program = shutil.which(CONTROL)
    if program is None:
        return f"{CONTROL} is not installed"
    try:
        with tempfile.TemporaryFile("w+") as output:  # no pipe: the server would hold it open
            done = subprocess.run(
                [program, *arguments],
                input=said,
                stdout=output,
                stderr=output,
                text=True,
                timeout=ANSWER_WITHIN_S,
                env={**os.environ, **environment},
                check=False,
            )
            output.seek(0)
            text = output.read().strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else text.splitlines()[-1] if text else f"code {done.returncode}"
