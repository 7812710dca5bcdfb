"""Every named protocol, shortened, goes through on a small cell: all its stages, pressures and temperatures."""

from pathlib import Path

import numpy as np
import pytest

from polyomics.cell.cell import Cell
from polyomics.cell.packing import pack
from polyomics.chemistry import build_chain, parse_repeat_unit
from polyomics.forcefield.parameterize import parameterize
from polyomics.md.dynamics import Dynamics
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.runner import run_protocol
from polyomics.md.stage import Stage

LONGEST_PS = 1.0


@pytest.fixture(scope="module")
def cell() -> Cell:
    unit = parse_repeat_unit("*CC*")
    chains = [build_chain(unit, 24, seed=seed) for seed in (1, 2)]
    return pack(chains, parameterize(chains[0], charges="gasteiger"), density_g_cm3=0.2, seed=3)


def shortened(stage: Stage) -> Stage:
    if not isinstance(stage, Dynamics):
        return stage
    return stage.model_copy(
        update={
            "segment_ps": min(stage.segment_ps, 0.8) if stage.kind == "vibrations" else stage.segment_ps,
            "duration_ps": min(stage.duration_ps, 4.0 if stage.kind == "compress" else LONGEST_PS),
            "report_ps": 0.2,
            "control_ps": 0.2,
            "frame_ps": None if stage.frame_ps is None else 0.2,
        }
    )


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_a_shortened_protocol_ends_dense_without_an_explosion(name: str, cell: Cell, tmp_path: Path) -> None:
    full = PROTOCOLS[name](Target(glass_transition_guess_k=350.0))
    short = Protocol(
        name=name,
        nonbonded=Nonbonded(cutoff_nm=0.5, pme_force_error=2e-3),
        stages=tuple(shortened(stage) for stage in full.stages),
    )
    finished = run_protocol(cell, short, tmp_path, seed=1, hardware=Hardware(platform="CPU", threads=1))
    assert [stage.stage.name for stage in finished] == [stage.name for stage in full.stages]
    assert all(not stage.events for stage in finished)
    rows = np.genfromtxt(sorted(finished[full.sample_index].path.glob("thermo.*"))[-1], delimiter=",", names=True)
    assert 0.5 < rows["density_g_cm3"][-1] < 1.2
