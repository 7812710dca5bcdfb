"""As well relaxed as a GPU-day allows."""

from polyomics.presets import PRESETS, Preset

ACCURATE = Preset(
    name="accurate",
    summary="10 chains of about 1,000 atoms, melted 300 K above Tg, cooled at 20 K/ns, sampled until in equilibrium",
    n_chains=10,
    atoms_per_chain=1000,
    start_density_g_cm3=0.1,
    protocol="accurate",
    effort="accurate",
)
PRESETS.register(ACCURATE.name)(ACCURATE)
