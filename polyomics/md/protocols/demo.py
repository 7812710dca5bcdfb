"""A few hundred picoseconds that end near the right density: to see the tool work, not to publish."""

from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt


@PROTOCOLS.register("demo")
def demo(temperature_k: float, pressure_bar: float) -> Protocol:
    """Melt, squeeze, cool under pressure, release, sample.

    Cooling under pressure makes up for part of what a quench a thousand times faster than the slowest
    affordable one leaves behind in a glass; a rubber or liquid forgets it during the release.
    """
    hot = max(650.0, temperature_k + 300.0)
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
            Npt(name="squeeze", temperature_k=hot, pressure_bar=3000, duration_ps=60, timestep_fs=3, segment_ps=12),
            Anneal(
                name="cool",
                from_k=hot,
                to_k=temperature_k,
                from_bar=3000,
                to_bar=1000,
                duration_ps=200,
                segment_ps=20,
            ),
            Npt(
                name="release",
                temperature_k=temperature_k,
                pressure_bar=pressure_bar,
                duration_ps=60,
                segment_ps=20,
            ),
            Npt(
                name="sample",
                temperature_k=temperature_k,
                pressure_bar=pressure_bar,
                duration_ps=120,
                segment_ps=20,
                report_ps=0.4,
                frame_ps=2,
            ),
        ),
    )
