"""As well relaxed as a GPU-day allows."""

from polyomics.presets import PRESETS, Preset

ACCURATE = Preset(
    name="accurate",
    summary="10 chains of about 1,000 atoms, a hot melt cooled at 20 K/ns through Tg, 5 ns of sampling",
    n_chains=10,
    atoms_per_chain=1000,
    start_density_g_cm3=0.1,
    protocol="slow_cool",
)
PRESETS.register(ACCURATE.name)(ACCURATE)
