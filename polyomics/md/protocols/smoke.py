"""Every kind of stage for a few picoseconds: to see that an installation works."""

from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.protocols._sampling import sampling, warm_k
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt


@PROTOCOLS.register("smoke")
def smoke(target: Target) -> Protocol:
    """Pack, melt, cool, sample in 20 ps, with a short cut-off that suits a cell of 300 atoms."""
    hot = target.temperature_k + 200.0
    return Protocol(
        name="smoke",
        nonbonded=Nonbonded(cutoff_nm=0.6, pme_force_error=2e-3),
        stages=(
            Minimise(name="minimise", max_iterations=200),
            Nvt(name="spread", temperature_k=hot, duration_ps=1, timestep_fs=2, friction_per_ps=10, segment_ps=1),
            Compress(
                name="compress",
                temperature_k=hot,
                packing_fraction=0.5,
                duration_ps=4,
                timestep_fs=2,
                friction_per_ps=10,
                segment_ps=2,
            ),
            Npt(
                name="melt",
                role="melt",
                temperature_k=hot,
                pressure_bar=target.pressure_bar,
                duration_ps=3,
                friction_per_ps=5,
                segment_ps=1,
                report_ps=0.2,
                frame_ps=0.4,
            ),
            Anneal(
                name="cool",
                to_k=warm_k(target),
                from_bar=target.pressure_bar,
                duration_ps=4,
                friction_per_ps=5,
                segment_ps=1,
            ),
            *sampling(
                target,
                neighbour_ps=2,
                cool_ps=1,
                settle_ps=1,
                sample_ps=8,
                vibrations_ps=1.2,
                window_ps=0.6,
                segment_ps=1,
                report_ps=0.2,
                frame_ps=0.2,
            ),
        ),
    )
