"""The 21-step compression and relaxation scheme, with the numbers large-scale studies use."""

from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.protocols._sampling import sampling, warm_k
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.units import BAR_PER_ATM

HIGHEST_TEMPERATURE_K = 600.0

CYCLES = (
    # NVT hot [ps], NVT at the target [ps], NPT at the target [ps], pressure of the NPT part [atm]
    (50, 50, 50, 1_000),
    (50, 100, 50, 30_000),
    (50, 100, 50, 50_000),
    (50, 100, 5, 25_000),
    (5, 10, 5, 5_000),
    (5, 10, 5, 500),
    (5, 10, 800, None),
)
"""Three stages a cycle; the pressure of the last is the one asked for."""

SAMPLING_PS = 5_000.0


@PROTOCOLS.register("twenty_one_step")
def twenty_one_step(target: Target) -> Protocol:
    """Pack, heat, compress, 21 steps, 5 ns of sampling at the target state.

    Pressure goes up to 50,000 atm and down again in three-stage cycles (Larsen et al.,
    DOI 10.1021/ma200345v; durations as in RadonPy, DOI 10.1038/s41524-022-00906-4). Time steps are 2 fs
    where it is hot or compressed and 4 fs in the sampling. What follows the 21 steps is ours: half a
    nanosecond at each neighbouring temperature, for expansion, and a spectrum, for the heat capacity.
    """
    temperature_k, pressure_bar = target.temperature_k, target.pressure_bar
    hot = max(HIGHEST_TEMPERATURE_K, temperature_k + 100.0)
    stages: list[Stage] = [
        Minimise(name="minimise"),
        Nvt(name="spread", temperature_k=300, duration_ps=20, timestep_fs=1, friction_per_ps=5, segment_ps=20),
        Anneal(name="heat", from_k=300, to_k=hot, from_bar=None, duration_ps=100, timestep_fs=2),
        Compress(name="compress", temperature_k=hot, packing_fraction=0.45, duration_ps=500, timestep_fs=2),
    ]
    for cycle, (hot_ps, nvt_ps, npt_ps, pressure_atm) in enumerate(CYCLES):
        pressure = pressure_bar if pressure_atm is None else pressure_atm * BAR_PER_ATM
        step = 3 * cycle
        stages += [
            Nvt(name=f"step{step + 1:02d}", temperature_k=hot, duration_ps=hot_ps, timestep_fs=2),
            Nvt(name=f"step{step + 2:02d}", temperature_k=temperature_k, duration_ps=nvt_ps, timestep_fs=2),
            Npt(
                name=f"step{step + 3:02d}",
                temperature_k=temperature_k,
                pressure_bar=pressure,
                duration_ps=npt_ps,
                timestep_fs=2,
            ),
        ]
    stages += [
        Anneal(name="warm_up", from_k=temperature_k, to_k=warm_k(target), from_bar=pressure_bar, duration_ps=50),
        *sampling(
            target,
            neighbour_ps=500,
            cool_ps=50,
            settle_ps=200,
            sample_ps=SAMPLING_PS,
            vibrations_ps=16,
            max_extensions=2,
            control_ps=1,
            segment_ps=250,
            frame_ps=5,
        ),
    ]
    return Protocol(
        name="twenty_one_step", reference="DOI 10.1021/ma200345v; DOI 10.1038/s41524-022-00906-4", stages=tuple(stages)
    )
