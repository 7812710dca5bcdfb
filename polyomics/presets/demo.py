"""Minutes on a laptop."""

from polyomics.presets import PRESETS, Preset

DEMO = Preset(
    name="demo",
    summary="a small cell in minutes on two CPU cores: to see the tool work, not to publish",
    n_chains=3,
    atoms_per_chain=310,
    start_density_g_cm3=0.3,
    protocol="demo",
    effort="demo",
    quality_flags=("demo_quality",),
)
PRESETS.register(DEMO.name)(DEMO)
