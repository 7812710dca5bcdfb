"""Seconds on anything: does the installation work?"""

from polyomics.presets import PRESETS, Preset

SMOKE = Preset(
    name="smoke",
    summary="a tiny cell in seconds, from SMILES to database: to test an installation; the values mean nothing",
    n_chains=2,
    atoms_per_chain=150,
    start_density_g_cm3=0.25,
    protocol="smoke",
    effort="smoke",
    charges="gasteiger",
    quality_flags=("smoke_test",),
)
PRESETS.register(SMOKE.name)(SMOKE)
