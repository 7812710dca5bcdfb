"""The System of many chains is n times the System of one, and holds no more than it should."""

import time

import numpy as np
import openmm
import pytest
from openmm import unit
from rdkit import Chem

from polyomics.errors import InvalidSettings
from polyomics.forcefield.parameterize import parameterize
from polyomics.forcefield.system import build_system


@pytest.fixture(scope="module")
def styrene(make_chain):
    chain = make_chain("*CC(*)c1ccccc1", 5)
    return chain, parameterize(chain, charges="gasteiger")


def forces(system):
    return {force.getName(): force for force in system.getForces()}


def energy_kj_mol(system, positions_nm):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions_nm)
    return context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def test_bonded_energy_is_additive_over_chains(styrene):
    """Chains beyond each other's cut-off have n times the energy of one."""
    chain, parameterized = styrene
    one, three = (build_system(parameterized, n, 60.0) for n in (1, 3))
    for system in (one, three):
        nonbonded = forces(system)["nonbonded"]
        nonbonded.setNonbondedMethod(nonbonded.CutoffPeriodic)
        nonbonded.setReactionFieldDielectric(1.0)
        nonbonded.setUseDispersionCorrection(False)
        nonbonded.setCutoffDistance(8.0)
    positions_nm = np.concatenate([chain.positions_nm + 20.0 * k for k in range(3)])
    single = energy_kj_mol(one, chain.positions_nm)
    assert energy_kj_mol(three, positions_nm) == pytest.approx(3 * single, rel=1e-6)


def test_masses_constraints_and_forces_are_as_promised(styrene):
    chain, parameterized = styrene
    system = build_system(parameterized, 2, 4.0)
    masses = [atom.GetMass() for atom in chain.mol.GetAtoms()] * 2
    found = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())]
    assert found == pytest.approx(masses)
    hydrogens = sum(atom.GetAtomicNum() == 1 for atom in chain.mol.GetAtoms())
    assert system.getNumConstraints() == 2 * hydrogens
    assert sorted(forces(system)) == ["angle", "bond", "nonbonded", "torsion"]
    nonbonded = forces(system)["nonbonded"]
    assert nonbonded.getNonbondedMethod() == nonbonded.PME
    assert nonbonded.getUseDispersionCorrection()
    assert not nonbonded.getUseSwitchingFunction()
    assert len({force.getForceGroup() for force in system.getForces()}) == 4


def test_exceptions_scale_pairs_three_bonds_apart_as_in_amber(styrene):
    chain, parameterized = styrene
    system = build_system(parameterized, 1, 4.0)
    nonbonded = forces(system)["nonbonded"]
    distance = Chem.GetDistanceMatrix(chain.mol)
    seen = set()
    for k in range(nonbonded.getNumExceptions()):
        i, j, charge, sigma, epsilon = nonbonded.getExceptionParameters(k)
        seen.add((min(i, j), max(i, j)))
        (q_i, s_i, e_i), (q_j, s_j, e_j) = (nonbonded.getParticleParameters(a) for a in (i, j))
        scale = 0.0 if distance[i, j] < 3 else 1.0
        assert charge._value == pytest.approx(scale * q_i._value * q_j._value / 1.2)
        assert epsilon._value == pytest.approx(scale * np.sqrt(e_i._value * e_j._value) / 2.0)
        if scale:
            assert sigma._value == pytest.approx((s_i._value + s_j._value) / 2)
    near = np.argwhere((distance <= 3) & (distance > 0))
    assert seen == {(int(i), int(j)) for i, j in near if i < j}


def test_equal_input_gives_equal_bytes(styrene):
    _, parameterized = styrene
    texts = [openmm.XmlSerializer.serialize(build_system(parameterized, 3, (4.0, 4.5, 5.0))) for _ in range(2)]
    assert texts[0] == texts[1]


def test_ten_chains_of_a_thousand_atoms_are_quick(make_chain):
    chain = make_chain("*CC*", 166)
    parameterized = parameterize(chain, charges="gasteiger")
    times = []
    for _ in range(3):
        start = time.process_time()
        build_system(parameterized, 10, 5.0)
        times.append(time.process_time() - start)
    assert min(times) < 1.0


@pytest.mark.parametrize(
    ("n_chains", "box_nm", "cutoff_nm"),
    [(0, 5.0, 0.9), (1, 1.7, 0.9), (1, (5.0, 5.0), 0.9), (1, float("nan"), 0.9), (1, 5.0, 0.0)],
)
def test_impossible_cells_are_refused(styrene, n_chains, box_nm, cutoff_nm):
    with pytest.raises(InvalidSettings):
        build_system(styrene[1], n_chains, box_nm, cutoff_nm=cutoff_nm)


def test_charges_of_the_system_are_those_of_the_chain(styrene):
    _, parameterized = styrene
    system = build_system(parameterized, 2, 4.0)
    nonbonded = forces(system)["nonbonded"]
    charges = [nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())]
    assert charges == pytest.approx(np.tile(parameterized.charges_e, 2))
    assert sum(charges) == pytest.approx(0.0, abs=1e-10)
