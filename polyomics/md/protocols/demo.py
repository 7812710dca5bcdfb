"""A few hundred picoseconds that end near the right density: to see the tool work, not to publish."""

from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.protocols._sampling import sampling, warm_k
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt


@PROTOCOLS.register("demo")
def demo(target: Target) -> Protocol:
    """Melt, squeeze, cool under pressure, release, sample.

    Cooling under pressure makes up for part of what a quench a thousand times faster than the slowest
    affordable one leaves behind in a glass; a rubber or liquid forgets it during the release.
    """
    hot = max(650.0, target.temperature_k + 300.0)
    return Protocol(
        name="demo",
        stages=(
            Minimise(name="minimise"),
            Nvt(name="spread", temperature_k=hot, duration_ps=4, timestep_fs=2, friction_per_ps=5, segment_ps=2),
            Compress(
                name="compress",
                temperature_k=hot,
                packing_fraction=0.5,
                duration_ps=20,
                timestep_fs=2,
                friction_per_ps=5,
                segment_ps=5,
            ),
            Npt(
                name="squeeze",
                role="melt",
                temperature_k=hot,
                pressure_bar=3000,
                duration_ps=48,
                timestep_fs=3,
                segment_ps=12,
                frame_ps=2,
            ),
            Anneal(
                name="cool",
                from_k=hot,
                to_k=warm_k(target),
                from_bar=3000,
                to_bar=1000,
                duration_ps=160,
                segment_ps=20,
            ),
            Npt(
                name="release",
                temperature_k=warm_k(target),
                pressure_bar=target.pressure_bar,
                duration_ps=40,
                segment_ps=20,
            ),
            *sampling(
                target,
                neighbour_ps=40,
                cool_ps=8,
                settle_ps=12,
                sample_ps=120,
                vibrations_ps=6,
                window_ps=2,
                segment_ps=20,
                report_ps=0.4,
                frame_ps=1,
            ),
        ),
    )
