"""What the flags of a value mean, in words."""

FLAG_MEANINGS: dict[str, str] = {
    "demo_quality": "a small cell, cooled within picoseconds: to see the tool work, not to publish; "
    "for values to use: --preset standard",
    "smoke_test": "a tiny cell for seconds: tests an installation, the values mean nothing",
    "few_samples": "there are fewer than ten independent samples, so the error bar is itself uncertain, or missing",
    "drifting": "the series still rises or falls over the part that was averaged",
    "constant": "the series does not move at all, so nothing can be said of its error",
    "molecules_not_relaxed": "every molecule keeps a value of its own for the whole run, as in a glass; the error is "
    "that between molecules",
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
    "outside_linear_response": "both signs, or two strengths, of what was applied (a strain, a gradient, a force) give "
    "values that differ by more than their errors: the response is not quite proportional",
    # results of others
    "imported": "not computed here but taken over from the data set that the study names as its source",
    "definition_differs": "the data set it comes from defines the property somewhat otherwise than polyomics does",
    "inconsistent": "the row it comes from contradicts itself: the value does not follow from those it should follow "
    "from",
    # glass transition
    "fast_cooling": "cooled at more than 1 K/ns, so the value is tens of kelvin above what a calorimeter finds",
    "few_points": "a branch of the fit has fewer than five temperatures",
    "few_rates": "extrapolated from three cooling rates, so one bad value among them would not be noticed",
    "far_extrapolation": "extrapolated over more than three times the decades of cooling rate that were simulated",
    "attempt_rate_fitted": "the attempt rate of the Vogel-Fulcher-Tammann law comes from these rates, not from "
    "the usual constant",
    # elasticity
    "still_relaxing": "the modulus still falls by more than a tenth over the time averaged, so it is an upper bound",
    "relaxation_not_shown": "the noise would hide a fall of the modulus by half over the time averaged; run longer or "
    "larger",
    "runs_disagree": "elements of the stiffness that must be equal differ by more than their errors, which were "
    "widened",
    "anisotropic": "the cell answers differently in different directions, by more than noise explains, as small "
    "cells do",
    # stress and strain
    "one_rate": "one strain rate only, so a slow liquid could not be told from a solid",
    "rate_dependent": "the value goes with the strain rate beyond its noise",
    "noisy": "the error is above a quarter of the value",
    "one_axis": "one stretch only, so the error does not hold what differs between axes",
    "fast": "the strain exceeds 1 % while sound crosses the cell",
    "heated": "the cell was more than 2 % warmer than asked for",
    "sides_off_pressure": "the lateral stress misses the pressure beyond its error",
    "cut_short": "a stretch ended where the sides came to twice the cut-off",
    "no_maximum": "the yield point is where two lines meet, as the stress has no maximum",
    "no_toe": "the elastic line is too uncertain, so strain counts from where the stretch began",
    "wider_window": "the sides needed a larger range of strain than the stress",
    # thermal conductivity
    "one_gradient": "heat was driven at one temperature gradient only (or the other gave no value), so a linear "
    "response was not checked",
    "stage_left_out": "one of the stages gave no value of its own and was left out",
    "energy_drift": "errors of integration make more than 5 % as much energy as heat flows",
    "not_steady": "the heat flow did not look steady, or heat given and heat taken differ by more than 10 %",
    # viscosity
    "slow_modes_cut_off": "noise takes over before the relaxation time of the chains, so their slowest modes may be "
    "missing",
    "few_relaxations": "the record is shorter than ten relaxation times of the chains, or a flow than three",
    "extrapolated": "more than 5 % of the value comes from beyond the part of the record that was used",
    "coarse_sampling": "more than a quarter of the value lies within half the interval between samples",
    "chain_relaxation_unknown": "no frames were stored beside the stress, so nothing tells whether the chains relaxed",
    "energy_drifts": "integration heats the cell, and the thermostat that takes the heat away damps flow",
    "shears_faster_than_relaxation": "even the slowest flow shears the chains faster than they relax",
    "finite_wavelength": "the wave of the flow is not long against the molecules, so the value is too low",
    "one_amplitude": "there is only one flow, so nothing tells whether its strength matters",
    # gases
    "few_insertions_dominate": "fewer than a hundred insertions, or one frame, make most of the average, so the value "
    "can be wrong by more than its error",
    "may_be_anomalous": "the mean squared displacement grows more slowly than time, though not by more than its error "
    "allows, so the diffusion coefficient may be too large",
}
"""Flag -> its meaning."""


def meaning(flag: str) -> str | None:
    """What a flag means, or none where it is not known; it is then shown by its name alone."""
    if flag.startswith("unexpected_") and flag.endswith("_file"):
        return f"the parameters of {flag[11:-5]} come from another file than the one these were tested with"
    return FLAG_MEANINGS.get(flag)
