"""`polyomics worker`: run studies of the queue on this machine."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.errors import InvalidSettings, ServerUnavailable, ToolMissing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from polyomics.database.store import Store
    from polyomics.work.gpus import Gpu, Place
    from polyomics.work.speed import Speed
    from polyomics.work.wishes import Wishes
    from polyomics.work.worker import WorkerSettings

HARDWARE, TIME, NAMES = "Hardware", "How long", "Names and services"
PREFECT_VARIABLE = "PREFECT_API_URL"
CPU_PLATFORMS = ("cpu", "reference")

logger = logging.getLogger(__name__)


def worker(
    pool: Annotated[
        str, typer.Option(help="Take studies submitted for this pool, and those for any.", rich_help_panel=NAMES)
    ] = "local",
    slots: Annotated[
        int | None,
        typer.Option(min=1, help="Studies at a time; one for each GPU unless given.", rich_help_panel=HARDWARE),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(help="GPUs by number or UUID, '0,1'; CUDA_VISIBLE_DEVICES, else all.", rich_help_panel=HARDWARE),
    ] = None,
    walltime: Annotated[
        str | None,
        typer.Option(help="Leave after this time: seconds, or 23:50:00, or 1-12:00:00.", rich_help_panel=TIME),
    ] = None,
    walltime_from_slurm: Annotated[
        bool, typer.Option("--walltime-from-slurm", help="Leave before the Slurm job ends.", rich_help_panel=TIME)
    ] = False,
    grace: Annotated[
        float,
        typer.Option(min=0, help="Time a study may take to its next checkpoint, in s.", rich_help_panel=TIME),
    ] = 60.0,
    idle_exit: Annotated[
        str | None, typer.Option(help="Leave after so long without work, as --walltime.", rich_help_panel=TIME)
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Leave as soon as the queue is empty.", rich_help_panel=TIME)
    ] = False,
    lease: Annotated[
        float,
        typer.Option(min=1, help="Silence after which others may take its studies, in s.", rich_help_panel=TIME),
    ] = 180.0,
    name: Annotated[
        str | None, typer.Option(help="Name in 'polyomics status'; made up unless given.", rich_help_panel=NAMES)
    ] = None,
    prefect: Annotated[
        bool | None,
        typer.Option(
            "--prefect/--no-prefect",
            help=f"Show the work in Prefect; the default where {PREFECT_VARIABLE} is set.",
            rich_help_panel=NAMES,
        ),
    ] = None,
    mps: Annotated[
        bool,
        typer.Option("--mps/--no-mps", help="NVIDIA MPS where slots share a GPU.", rich_help_panel=HARDWARE),
    ] = True,
    benchmark: Annotated[
        bool,
        typer.Option("--benchmark/--no-benchmark", help="Measure the speed at the start.", rich_help_panel=HARDWARE),
    ] = True,
    platform: Annotated[
        str | None, typer.Option(help="OpenMM platform; the fastest unless given.", rich_help_panel=HARDWARE)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="CPU threads of a slot; all cores, shared evenly, unless given.", rich_help_panel=HARDWARE
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="On GPUs: single, mixed or double.", rich_help_panel=HARDWARE)
    ] = "mixed",
    quarantine: Annotated[
        int,
        typer.Option(
            min=0,
            help="Leave after so many studies in a row with trouble of the machine; 0: never.",
            rich_help_panel=TIME,
        ),
    ] = 3,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more.", rich_help_panel=NAMES)] = False,
) -> int:
    """Run studies of the queue on this machine until told to stop, each in a process of its own.

    SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (Slurm) drain it: it takes nothing more, and the studies at hand stop at their
    next checkpoint and go back to the queue with it; a second signal hurries. Slots are spread over the GPUs; without
    a GPU they share the cores. On a shared GPU, NVIDIA MPS is started if it can be.

    With a walltime it takes only studies that reach a checkpoint in the time left, by the speed it measures at the
    start, and drains in time by itself. Trouble of the machine with several studies in a row ends it (exit code 1), so
    that a broken machine does not work through the queue.

    Examples:  polyomics worker --pool gpu --slots 4    polyomics worker --once    polyomics worker --walltime 23:50:00

    Exit code: 0 after it was told to stop or had nothing to do, 1 after trouble of the machine, 2 if something asked
    for cannot be.
    """
    import sys

    from polyomics import config
    from polyomics.box.box import checked_pool
    from polyomics.database.store import Store
    from polyomics.md.progress import Interrupted
    from polyomics.work.gpus import find_gpus, spread
    from polyomics.work.mps import places
    from polyomics.work.speed import relative_speed
    from polyomics.work.walltime import parse_duration_s
    from polyomics.work.wishes import Wishes
    from polyomics.work.worker import Worker, WorkerSettings, refuse_twin, worker_name

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for ours in ("polyomics.work", __name__, "flows"):
        logging.getLogger(ours).setLevel(logging.DEBUG if verbose else logging.INFO)

    checked_pool(pool)
    left_s = _left_s(walltime, from_slurm=walltime_from_slurm)
    ends_at_s = None if left_s is None else time.monotonic() + left_s
    idle_exit_s = 0.0 if once else parse_duration_s(idle_exit) if idle_exit else None
    gpus = [] if (platform or "").lower() in CPU_PLATFORMS else find_gpus(devices)
    n_slots = slots or max(1, len(gpus))
    hardware = _hardware(platform, threads, precision, n_slots)
    shows = _shows(prefect)
    _say_where(gpus, n_slots, hardware, left_s)

    wishes = Wishes()
    with Store.open(config.database_url()) as store, wishes.heeding():
        name = name or worker_name(pool, _slurm_job())
        refuse_twin(store, name)
        with places(spread(n_slots, gpus), with_mps=mps) as where:
            try:
                speeds = _speeds(where, hardware, wishes) if benchmark else []
            except Interrupted:
                return 0
            settings = WorkerSettings(
                name=name,
                pool=pool,
                slots=n_slots,
                lease_s=lease,
                grace_s=grace,
                idle_exit_s=idle_exit_s,
                hardware=hardware,
                places=tuple(where),
                ends_at_s=ends_at_s,
                ns_per_day=sum(speed.ns_per_day for speed in speeds) or None,
                relative_speed=relative_speed(speeds, None if gpus else hardware["threads"]),
                most_troubles=quarantine,
            )
            with _link(settings, store) if shows else nullcontext():
                return Worker(store, config.home(), settings, wishes).run()


def _left_s(walltime: str | None, *, from_slurm: bool) -> float | None:
    from math import isfinite

    from polyomics.work.walltime import parse_duration_s, slurm_left_s

    if walltime and from_slurm:
        raise InvalidSettings("--walltime and --walltime-from-slurm are two answers to one question; give one of them")
    if from_slurm:
        left_s = slurm_left_s()
        return left_s if isfinite(left_s) else None
    return parse_duration_s(walltime) if walltime else None


def _hardware(platform: str | None, threads: int | None, precision: str, slots: int) -> dict[str, Any]:
    """Fields of `Hardware`; whether the platform works is seen in a process of its own."""
    from polyomics.cli.run import PRECISIONS
    from polyomics.estimate import available_cores

    if precision not in PRECISIONS:
        raise InvalidSettings(f"{precision!r} is no precision; there are {', '.join(PRECISIONS)}")
    if platform is not None:
        from polyomics.md.engine import available_platforms

        names = {known.lower(): known for known in available_platforms()}
        if platform.lower() not in names:
            raise InvalidSettings(
                f"OpenMM platform {platform!r} is not installed here; there are {', '.join(names.values())}"
            )
        platform = names[platform.lower()]
    return {
        "platform": platform,
        "threads": threads or max(1, available_cores() // slots),
        "precision": precision,
    }


def _say_where(gpus: Sequence[Gpu], slots: int, hardware: dict[str, Any], left_s: float | None) -> None:
    if gpus:
        logger.info("%d slots on %s", slots, ", ".join(map(str, gpus)))
        if slots < len(gpus):
            logger.warning(
                "%d of %d GPUs stay unused; give at least --slots %d", len(gpus) - slots, len(gpus), len(gpus)
            )
    else:
        logger.info("no GPU is used; %d slots with %d CPU threads each", slots, hardware["threads"])
    if left_s is not None:
        logger.info("%.0f s are left of the walltime", left_s)


def _speeds(places: Sequence[Place], hardware: dict[str, Any], wishes: Wishes) -> list[Speed]:
    """The speed of every slot while all are at work, in processes that end before work begins."""
    from polyomics.work.speed import LARGE_CHAINS, SMALL_CHAINS, Lane, measure_together

    lanes = [Lane(hardware, place.environment, needs_gpu=place.gpu is not None) for place in places]
    on_gpu = any(place.gpu for place in places)
    n_chains = LARGE_CHAINS if on_gpu else SMALL_CHAINS
    speeds = measure_together(lanes, n_chains=n_chains, should_stop=wishes.is_asked)
    logger.info(
        "speed of %d atoms at 4 fs: %s ns/day in %d slots on %s",
        speeds[0].n_atoms,
        " + ".join(f"{speed.ns_per_day:.3g}" for speed in speeds),
        len(speeds),
        ", ".join(dict.fromkeys(speed.device or speed.platform for speed in speeds)),
    )
    return speeds


def _slurm_job() -> tuple[str, ...]:
    job = os.environ.get("SLURM_JOB_ID")
    return (f"job{job}",) if job else ()


def _shows(prefect: bool | None) -> bool:
    """Whether to show the work in Prefect; a server that is away is no reason not to work."""
    from importlib.util import find_spec

    if not (bool(os.environ.get(PREFECT_VARIABLE)) if prefect is None else prefect):
        return False
    if find_spec("prefect") is None:
        if prefect:
            raise ToolMissing("prefect is not installed, so --prefect cannot be; pip install prefect")
        logger.warning("%s is set, but prefect is not installed: nothing is shown there", PREFECT_VARIABLE)
        return False
    from flows.server import check_server

    try:
        check_server()
    except ServerUnavailable as error:
        logger.warning("studies run, and are shown in Prefect once its server answers: %s", error)
    return True


def _link(settings: WorkerSettings, store: Store) -> AbstractContextManager[None]:
    from flows.link import linked

    return linked(store, pool=settings.pool, worker_name=settings.name, slots=settings.slots)
