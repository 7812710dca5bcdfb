"""Energies agree with AMBER's own programs, term by term: sander (energies), tleap (parameters)."""

import subprocess

import numpy as np
import openmm
import parmed
import pytest
from openmm import unit

from polyomics.forcefield.atom_types import mol2_text
from polyomics.forcefield.oligomer import PolymerGraph
from polyomics.forcefield.parameterize import parameterize
from polyomics.forcefield.system import build_system
from polyomics.forcefield.tools import require_tool
from polyomics.units import KJ_PER_KCAL

POLYMERS = {
    "PS": "*CC(*)c1ccccc1",
    "PMMA": "*CC(*)(C)C(=O)OC",
    "PVDF": "*CC(*)(F)F",
}
RELATIVE = 1e-4
CUTOFF_NM = 0.9


def constrained_positions_nm(system, positions_nm):
    """Positions whose constrained bonds have their length exactly, so that those bonds have no energy."""
    integrator = openmm.VerletIntegrator(0.001)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator, platform)
    context.setPositions(positions_nm)
    context.applyConstraints(1e-9)
    return context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def energy_kcal(system, positions_nm, change=None, group=0):
    """Energy of one force group after `change` was made to a copy of the system."""
    copy = openmm.XmlSerializer.clone(system)
    if change is not None:
        change(next(force for force in copy.getForces() if isinstance(force, openmm.NonbondedForce)))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(copy, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions_nm)
    state = context.getState(getEnergy=True, groups={group})
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) / KJ_PER_KCAL


def keep(*, charges, lennard_jones, exceptions, method=None, correction=None):
    """A change of a NonbondedForce that leaves only some of its parts."""

    def change(force):
        if method is not None:
            force.setNonbondedMethod(method)
        if correction is not None:
            force.setUseDispersionCorrection(correction)
        for i in range(force.getNumParticles()):
            q, sigma, epsilon = force.getParticleParameters(i)
            force.setParticleParameters(i, q * charges, sigma, epsilon * lennard_jones)
        for i in range(force.getNumExceptions()):
            a, b, q, sigma, epsilon = force.getExceptionParameters(i)
            force.setExceptionParameters(i, a, b, q * charges * exceptions, sigma, epsilon * lennard_jones * exceptions)

    return change


def assert_agree(ours, theirs):
    """Every term within 1e-4 relative; sander prints four decimals, which matter for terms near zero."""
    assert ours.keys() <= theirs.keys()
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], rel=RELATIVE, abs=2e-4), name


@pytest.mark.parametrize("name", sorted(POLYMERS))
@pytest.mark.parametrize("family", ["gaff", "gaff2", "gaff2_mod"])
def test_energy_of_a_chain_agrees_with_sander(name, family, make_chain, sander):
    chain = make_chain(POLYMERS[name], 6)
    parameterized = parameterize(chain, family=family, charges="gasteiger")
    system = build_system(parameterized, 1, 50.0)
    positions_nm = constrained_positions_nm(system, chain.positions_nm)
    structure = parameterized.structure.copy(parmed.Structure)
    structure.coordinates = positions_nm * 10.0
    theirs = sander(structure, cutoff_angstrom=999.0)
    vacuum = openmm.NonbondedForce.NoCutoff
    nonbonded = {
        "VDWAALS": keep(charges=0, lennard_jones=1, exceptions=0, method=vacuum),
        "EEL": keep(charges=1, lennard_jones=0, exceptions=0, method=vacuum),
    }
    both = {
        "VDWAALS": keep(charges=0, lennard_jones=1, exceptions=1, method=vacuum),
        "EEL": keep(charges=1, lennard_jones=0, exceptions=1, method=vacuum),
    }
    ours = {key: energy_kcal(system, positions_nm, change) for key, change in nonbonded.items()}
    ours["1-4 VDW"] = energy_kcal(system, positions_nm, both["VDWAALS"]) - ours["VDWAALS"]
    ours["1-4 EEL"] = energy_kcal(system, positions_nm, both["EEL"]) - ours["EEL"]
    for key, group in (("BOND", 1), ("ANGLE", 2), ("DIHED", 3)):
        ours[key] = energy_kcal(system, positions_nm, group=group)
    assert_agree(ours, theirs)


@pytest.mark.parametrize("name", sorted(POLYMERS))
def test_energy_of_a_box_agrees_with_sander(name, make_chain, sander):
    chain = make_chain(POLYMERS[name], 4)
    parameterized = parameterize(chain, charges="gasteiger")
    one = chain.positions_nm - chain.positions_nm.min(axis=0)
    extent = one.max(axis=0) + 0.25
    cells = np.ceil(2.3 / extent).astype(int)
    shifts = np.array(list(np.ndindex(*cells))) * extent
    box_nm = cells * extent
    system = build_system(parameterized, len(shifts), box_nm, cutoff_nm=CUTOFF_NM)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    grid = [int(2 ** np.ceil(np.log2(edge / 0.04))) for edge in box_nm]
    alpha_nm = 3.9
    force.setPMEParameters(alpha_nm, *grid)
    positions_nm = constrained_positions_nm(system, np.concatenate([one + shift for shift in shifts]))
    structure = (parameterized.structure * len(shifts)) if len(shifts) > 1 else parameterized.structure
    structure.coordinates = positions_nm * 10.0
    structure.box = [*(box_nm * 10.0), 90.0, 90.0, 90.0]
    ewald = (
        f"nfft1={grid[0]}, nfft2={grid[1]}, nfft3={grid[2]}, order=6, ew_coeff={alpha_nm / 10}, vdwmeth={{}}, netfrc=0"
    )
    theirs = sander(structure, cutoff_angstrom=CUTOFF_NM * 10, ewald=ewald.format(0))
    corrected = sander(structure, cutoff_angstrom=CUTOFF_NM * 10, ewald=ewald.format(1))
    theirs = {**theirs, "LENNARD-JONES": theirs["VDWAALS"] + theirs["1-4 VDW"]}
    theirs["ELECTROSTATIC"] = theirs["EEL"] + theirs["1-4 EEL"]
    theirs["CORRECTION"] = corrected["VDWAALS"] - theirs["VDWAALS"]
    plain = keep(charges=0, lennard_jones=1, exceptions=1, correction=False)
    ours = {
        "LENNARD-JONES": energy_kcal(system, positions_nm, plain),
        "ELECTROSTATIC": energy_kcal(system, positions_nm, keep(charges=1, lennard_jones=0, exceptions=1)),
        "BOND": energy_kcal(system, positions_nm, group=1),
        "ANGLE": energy_kcal(system, positions_nm, group=2),
        "DIHED": energy_kcal(system, positions_nm, group=3),
    }
    assert_agree(ours, theirs)
    with_correction = keep(charges=0, lennard_jones=1, exceptions=1)
    correction = energy_kcal(system, positions_nm, with_correction) - ours["LENNARD-JONES"]
    # sander leaves out the r^-12 part, of relative size (sigma/r_c)^6 / 3, and counts pairs with themselves.
    assert correction == pytest.approx(theirs["CORRECTION"], rel=5e-3)


@pytest.mark.parametrize(
    "psmiles",
    [
        "*CC(*)c1ccccc1",
        "*c1ccc(*)s1",
        "*/C=C/c1ccc(*)cc1",
        "*OCCOC(=O)c1ccc(C(*)=O)cc1",
        "*CC(*)(C)C(=O)OC",
        "*c1ccc(Oc2ccc(N3C(=O)c4cc5C(=O)N(*)C(=O)c5cc4C3=O)cc2)cc1",
        "*c1ccc(S(=O)(=O)c2ccc(O*)cc2)cc1",
    ],
)
def test_parameters_agree_with_tleap(psmiles, make_chain, tmp_path):
    """LEaP, from the same types and estimates, writes the same number of terms and the same energies.

    No polyamide here: where a table has exact terms of one periodicity and a wildcard of another, LEaP gives
    the first torsion of a kind the exact terms and all later ones both. The order of outer atoms of the
    first improper of a kind may differ as well, with an effect below the tolerance.
    """
    chain = make_chain(psmiles, 3)
    parameterized = parameterize(chain, charges="gasteiger")
    whole = PolymerGraph.of(chain).oligomer(3, kekulised=True)
    types = parameterized.atom_types
    (tmp_path / "x.mol2").write_text(mol2_text(whole.mol, types))
    command = [str(require_tool("parmchk2")), "-i", "x.mol2", "-f", "mol2", "-o", "x.frcmod", "-s", "2"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    script = (
        "source leaprc.gaff2\nloadamberparams x.frcmod\nm = loadmol2 x.mol2\nsaveamberparm m x.prmtop x.rst7\nquit\n"
    )
    (tmp_path / "leap.in").write_text(script)
    command = [str(require_tool("tleap")), "-f", "leap.in"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    theirs = parmed.load_file(str(tmp_path / "x.prmtop"))
    ours = parameterized.structure
    assert (len(ours.bonds), len(ours.angles)) == (len(theirs.bonds), len(theirs.angles))
    impropers = [sum(d.improper for d in s.dihedrals) for s in (ours, theirs)]
    assert impropers[0] == impropers[1]
    for mine, other in zip(_energies_kcal(ours, chain), _energies_kcal(theirs, chain), strict=True):
        assert mine == pytest.approx(other, rel=RELATIVE, abs=1e-4)


def _energies_kcal(structure, chain):
    structure = structure.copy(parmed.Structure)
    for atom in structure.atoms:
        atom.charge = 0.0
    system = structure.createSystem(nonbondedMethod=openmm.app.NoCutoff)
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(chain.positions_nm)
    return [
        context.getState(getEnergy=True, groups={group}).getPotentialEnergy().value_in_unit(unit.kilocalorie_per_mole)
        for group in range(system.getNumForces())
    ]
