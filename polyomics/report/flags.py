"""What the flags of a value mean, in words."""

FLAG_MEANINGS: dict[str, str] = {
    "demo_quality": "a small cell, cooled within picoseconds: to see the tool work, not to publish; "
    "for values to use: --preset standard",
    "smoke_test": "a tiny cell for seconds: tests an installation, the values mean nothing",
    "few_samples": "there are fewer than ten independent samples, so the error bar is itself uncertain, or missing",
    "drifting": "the series still rises or falls over the part that was averaged",
    "constant": "the series does not move at all, so nothing can be said of its error",
    "molecules_not_relaxed": "every chain keeps a value of its own for the whole run, as in a glass; the error is that "
    "between chains",
    "one_molecule": "the cell has one chain, so the spread between chains cannot be seen",
    "no_size": "the molecules are single points",
    "not_equilibrated": "a test of equilibrium was not passed; the tests of the study say which",
    "equilibrium_unknown": "the run is too short to tell whether the cell is in equilibrium; the tests of the "
    "study say why",
    "not_attractive": "this part of the energy does not hold the molecules together, so its share is nought",
    "smaller_timestep": "a part of the run exploded and was repeated with a smaller time step",
    "start_density_lowered": "the chains found room only at a lower density than asked for at the start; the run "
    "compresses them afterwards",
    "high_penalty_parameters": "the force field estimated a parameter from one that is not very similar",
    "methods_disagree": "two independent ways to the same number differ by more than their errors",
    "one_window": "the correction comes from one window of velocities, so its error is not known",
    "not_linear": "the points of the fit leave a straight line by more than their errors",
    "chain_too_short": "the chain is too short to extrapolate; this is the value of the whole chain",
    "not_ideal": "the curve of internal distances leaves the line it should follow, as in collapsed chains",
    "dipoles_not_relaxed": "the dipoles turn too slowly for the run; the value holds for high frequencies only",
    "structure_not_relaxed": "the structure hardly changes during the run, so the error is that of one structure",
    "additive_refraction": "from atom contributions that are good to about 2 %, which the error bar does not hold",
    "exact": "follows from the molecules alone, without sampling, so there is no statistical error",
    "not_worm_like": "the correlation of bond directions does not decay as a single exponential",
    "finite_size": "the value depends on the size of the cell, and is not corrected for it",
}
"""Flag -> its meaning."""


def meaning(flag: str) -> str | None:
    """What a flag means, or none where it is not known; it is then shown by its name alone."""
    if flag.startswith("unexpected_") and flag.endswith("_file"):
        return f"the parameters of {flag[11:-5]} come from another file than the one these were tested with"
    return FLAG_MEANINGS.get(flag)
