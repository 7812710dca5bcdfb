"""What large published data sets use."""

from polyomics.presets import PRESETS, Preset

STANDARD = Preset(
    name="standard",
    summary="10 chains of about 1,000 atoms, the 21-step protocol, 5 ns of sampling: comparable with published sets",
    n_chains=10,
    atoms_per_chain=1000,
    start_density_g_cm3=0.1,
    protocol="twenty_one_step",
    effort="standard",
)
PRESETS.register(STANDARD.name)(STANDARD)
