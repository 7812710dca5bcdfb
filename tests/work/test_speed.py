"""Measured speeds: of real MD, of several processes at the same time, on a cell that stands its time step."""

from pathlib import Path

import pytest

from polyomics.cell.cell import Cell
from polyomics.errors import EngineFailed
from polyomics.estimate import GPU_S_PER_ATOM_STEP, GPU_S_PER_STEP
from polyomics.md.progress import Interrupted
from polyomics.units import density_g_cm3
from polyomics.work.speed import (
    SMALL_ATOMS,
    SMALL_CHAINS,
    Lane,
    build_beside,
    measure_beside,
    measure_together,
    modelled_ns_per_day,
    relative_speed,
)

CPU = {"platform": "CPU", "threads": 1}


@pytest.fixture(scope="module")
def melt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("melt")
    build_beside(Lane(CPU, {}), folder, SMALL_CHAINS)
    return folder


def test_the_cell_is_a_melt(melt: Path) -> None:
    cell = Cell.load(melt)
    assert cell.n_atoms == SMALL_ATOMS
    assert 0.75 < density_g_cm3(float(cell.mass_amu), float(cell.box_nm.prod())) < 0.95


def test_several_processes_are_measured_at_the_same_time(melt: Path) -> None:
    speeds = measure_beside([Lane(CPU, {}), Lane(CPU, {})], melt, 0.5)
    assert len(speeds) == 2
    assert all(0.01 < speed.ns_per_day < 1e5 for speed in speeds)
    assert {(speed.platform, speed.device, speed.n_atoms) for speed in speeds} == {("CPU", None, SMALL_ATOMS)}
    assert relative_speed(speeds, 1) == min(speed.ns_per_day for speed in speeds) / modelled_ns_per_day(SMALL_ATOMS)


def test_a_platform_that_does_not_work_says_so() -> None:
    with pytest.raises(EngineFailed, match=r"MD does not run here: .*'Abacus' is not installed"):
        measure_together([Lane({"platform": "Abacus"}, {})], n_chains=1)


def test_a_process_that_is_killed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(EngineFailed, match="SIGKILL"):
        measure_together([Lane(CPU, {"PYTHONPATH": str(tmp_path)})], n_chains=1)


def test_it_ends_when_it_is_asked_to() -> None:
    with pytest.raises(Interrupted):
        measure_together([Lane(CPU, {})], n_chains=1, should_stop=lambda: True)


def test_the_model_is_that_of_the_estimates() -> None:
    s_per_step = GPU_S_PER_STEP + 5000 * GPU_S_PER_ATOM_STEP
    assert modelled_ns_per_day(5000) == pytest.approx(86400 / s_per_step * 4e-6)


def test_a_cpu_that_was_not_measured_is_slower_than_the_gpu_of_the_estimates() -> None:
    assert relative_speed([], None) == 1.0
    assert relative_speed([], 4) == pytest.approx(4 * relative_speed([], 1))
    assert relative_speed([], 1) < 0.2
