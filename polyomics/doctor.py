"""Does everything a run needs work on this machine? Each answer with what to do about it."""

from __future__ import annotations

import os
import platform as host_platform
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from polyomics import __version__, config
from polyomics.errors import PolyomicsError
from polyomics.records import Record

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell

Status = Literal["ok", "warn", "fail"]
LIBRARIES = ("rdkit", "parmed", "mdtraj", "numpy", "scipy", "pydantic", "sqlalchemy", "pyarrow")
LOWEST_FREE_GB = 2.0
PREFECT_VARIABLE = "PREFECT_API_URL"
PREFECT_TIMEOUT_S = 5.0


class Finding(Record):
    """One thing looked at."""

    name: str
    """What was looked at."""
    status: Status
    """ok, warn (works, but mind this) or fail (a run would not work)."""
    detail: str
    """What was found."""
    advice: str = ""
    """What to do; empty where there is nothing to do."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """The same in numbers, for programs."""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding at a time; nothing is written but a probe file in the home folder."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _home,
        _database,
        _ambertools,
        _platforms,
        _prefect,
    )
    for check in checks:
        try:
            yield from check()
        except PolyomicsError as error:
            yield Finding(name=check.__name__.strip("_"), status="fail", detail=str(error))
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            yield Finding(name=check.__name__.strip("_"), status="fail", detail=detail, advice="reinstall polyomics")


def _versions() -> Iterator[Finding]:
    python = host_platform.python_version()
    yield Finding(
        name="polyomics",
        status="ok",
        detail=f"{__version__}, Python {python}, {host_platform.system()} {host_platform.machine()}",
        facts={"polyomics": __version__, "python": python},
    )
    found = {name: _version(name) for name in LIBRARIES}
    missing = [name for name, number in found.items() if number is None]
    yield Finding(
        name="libraries",
        status="fail" if missing else "ok",
        detail=", ".join(f"{name} {number or 'MISSING'}" for name, number in found.items()),
        advice=f"pip install {' '.join(missing)}" if missing else "",
        facts=found,
    )


def _home() -> Iterator[Finding]:
    home = config.home()
    facts = {"path": str(home), "exists": home.exists()}
    try:
        existing = _nearest_folder(home)
        _probe(home) if home.exists() else _check_may_write(existing)
        free_gb = shutil.disk_usage(existing).free / 1e9
    except OSError as error:
        advice = f"set {config.HOME_VARIABLE} to a folder that can be written"
        yield Finding(
            name="home", status="fail", detail=f"{home} cannot be written: {error.strerror}", advice=advice, facts=facts
        )
        return
    low = free_gb < LOWEST_FREE_GB
    yield Finding(
        name="home",
        status="warn" if low else "ok",
        detail=f"{home} can be written{'' if home.exists() else ' (the first run makes it)'}, {free_gb:,.0f} GB free",
        advice=f"free some space or set {config.HOME_VARIABLE} to another disk" if low else "",
        facts={**facts, "free_gb": round(free_gb, 1)},
    )


def _nearest_folder(path: Path) -> Path:
    for folder in (path, *path.parents):
        if folder.exists():
            return folder
    return Path("/")


def _check_may_write(folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(20, f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, f"{folder} may not be written")


def _probe(home: Path) -> None:
    import tempfile

    with tempfile.TemporaryFile(dir=home) as stream:
        stream.write(b"polyomics")


_SCHEMA_ADVICE: dict[str, tuple[Status, str, str]] = {
    "missing": ("ok", "is not there yet; the first run makes it", ""),
    "empty": ("ok", "is reachable; the first run makes its tables", ""),
    "current": ("ok", "is reachable and at the newest version", ""),
    "older": ("fail", "was made by an older polyomics", "copy it, then: polyomics db upgrade"),
    "newer": ("fail", "was made by a newer polyomics", "install the newest polyomics"),
    "foreign": (
        "fail",
        "has tables of the same names that polyomics did not make",
        f"set {config.DATABASE_VARIABLE} to another database",
    ),
}


def _database() -> Iterator[Finding]:
    from polyomics.database import inspect_schema

    try:
        state = inspect_schema(config.database_url())
    except PolyomicsError as error:
        advice = f"check {config.DATABASE_VARIABLE}" if os.environ.get(config.DATABASE_VARIABLE) else ""
        yield Finding(name="database", status="fail", detail=str(error), advice=advice)
        return
    status, what, advice = _SCHEMA_ADVICE[state.status]
    tables = f" (tables {state.revision}, newest {state.newest})" if state.revision else ""
    yield Finding(
        name="database", status=status, detail=f"{state.url} {what}{tables}", advice=advice, facts=state.model_dump()
    )


def _ambertools() -> Iterator[Finding]:
    from polyomics.forcefield.tools import WHEEL, find_tools, tools_version

    found = find_tools()
    missing = [name for name, path in found.items() if path is None]
    facts = {name: str(path) if path else None for name, path in found.items()}
    if missing:
        yield Finding(
            name="AmberTools",
            status="fail",
            detail=f"not found: {', '.join(missing)}",
            advice=f"pip install {WHEEL}",
            facts=facts,
        )
        return
    yield Finding(name="AmberTools", status="ok", detail=f"{tools_version()}: {', '.join(found)}", facts=facts)


def _platforms() -> Iterator[Finding]:
    from polyomics.md.engine import available_platforms

    names = available_platforms()
    facts = {"openmm": _version("openmm"), "platforms": names}
    detail = f"{facts['openmm']}, platforms {', '.join(names)}"
    yield Finding(name="OpenMM", status="ok" if names else "fail", detail=detail, facts=facts)
    gpu_works = False
    for name in names:
        finding = _speed(name)
        gpu_works |= name in GPU_PLATFORMS and finding.status == "ok"
        yield finding
    if not gpu_works:
        yield Finding(
            name="GPU",
            status="warn",
            detail="no GPU platform works here; MD runs on the CPU, which suits the demo preset",
            advice="for an NVIDIA GPU: pip install 'polyomics[cuda]'",
        )


GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")


def _speed(platform: str) -> Finding:
    from polyomics.md.engine import Hardware
    from polyomics.work.speed import TIMESTEP_FS, measure_speed

    name = f"speed on {platform}"
    try:
        speed = measure_speed(_speed_test_cell(), Hardware(platform=platform))
    except PolyomicsError as error:
        status: Status = "warn" if platform in GPU_PLATFORMS else "fail"
        return Finding(name=name, status=status, detail=str(error))
    where = f" ({speed.device})" if speed.device else ""
    ns_per_day = _three_digits(speed.ns_per_day)
    return Finding(
        name=name,
        status="ok",
        detail=f"{ns_per_day} ns/day for {speed.n_atoms} atoms at {TIMESTEP_FS:g} fs{where}",
        facts=speed.model_dump(),
    )


@cache
def _speed_test_cell() -> Cell:
    from polyomics.md.engine import Hardware
    from polyomics.work.speed import SMALL_CHAINS, build_melt

    return build_melt(SMALL_CHAINS, Hardware(platform="CPU"))


def _prefect() -> Iterator[Finding]:
    number = _version("prefect")
    url = os.environ.get(PREFECT_VARIABLE)
    facts: dict[str, Any] = {"prefect": number, "api_url": url, "reachable": None}
    if number is None:
        detail = "not installed; runs do without it, but not as flows"
        yield Finding(name="Prefect", status="fail" if url else "warn", detail=detail, advice="pip install prefect")
        return
    if not url:
        detail = f"{number}, no server configured: steps run as plain functions"
        yield Finding(name="Prefect", status="ok", detail=detail, facts=facts)
        return
    problem = _unreachable(url)
    yield Finding(
        name="Prefect",
        status="fail" if problem else "ok",
        detail=f"{number}, {url} " + (f"does not answer: {problem}" if problem else "answers"),
        advice=f"start it (prefect server start), unset {PREFECT_VARIABLE}, or use --no-prefect" if problem else "",
        facts={**facts, "reachable": problem is None},
    )


def _unreachable(url: str) -> str | None:
    """Why the API does not answer; None if it does."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=PREFECT_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 403) else f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
