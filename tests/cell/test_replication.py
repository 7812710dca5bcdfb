from collections.abc import Callable
from dataclasses import replace

import numpy as np
import openmm
import pytest
from openmm import unit

from polyomics.cell.cell import Cell
from polyomics.cell.replication import repeated, repeated_system_xml
from polyomics.errors import InvalidSettings

KJ_MOL, KJ_MOL_NM = unit.kilojoule_per_mole, unit.kilojoule_per_mole / unit.nanometer


def energies_and_forces(cell: Cell) -> tuple[dict[str, float], np.ndarray]:
    """Energy of every force by itself, and all forces together, electrostatics summed to 1e-6."""
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
        if isinstance(force, openmm.NonbondedForce):
            force.setEwaldErrorTolerance(1e-6)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(cell.positions_nm)
    terms = {
        force.getName(): context.getState(energy=True, groups={group}).getPotentialEnergy().value_in_unit(KJ_MOL)
        for group, force in enumerate(system.getForces())
    }
    return terms, context.getState(forces=True).getForces(asNumpy=True).value_in_unit(KJ_MOL_NM)


@pytest.mark.parametrize("axis", [0, 2])
def test_a_repeated_cell_has_n_times_the_energy_and_the_same_forces(polyethylene_cell: Cell, axis: int) -> None:
    once, forces = energies_and_forces(polyethylene_cell)
    twice, repeated_forces = energies_and_forces(repeated(polyethylene_cell, 2, axis))
    assert set(once) == set(twice) == {"bond", "angle", "torsion", "nonbonded"}
    for name, energy in once.items():
        assert twice[name] == pytest.approx(2 * energy, rel=1e-4 if name == "nonbonded" else 1e-9)
    scale = np.sqrt((forces**2).mean())
    np.testing.assert_allclose(repeated_forces, np.tile(forces, (2, 1)), atol=1e-5 * scale)


def test_molecules_bonds_and_rings_are_those_of_every_copy(polyethylene_cell: Cell) -> None:
    cell = replace(polyethylene_cell, rings=((0, 4, 7),), molar_refractivity_cm3_mol=3.0)
    three, n = repeated(cell, 3), cell.n_atoms
    assert three.n_atoms == 3 * n
    assert three.n_molecules == 3 * cell.n_molecules
    assert three.mass_amu == pytest.approx(3 * cell.mass_amu)
    assert three.density_g_cm3 == pytest.approx(cell.density_g_cm3)
    assert three.rings == ((0, 4, 7), (n, n + 4, n + 7), (2 * n, 2 * n + 4, 2 * n + 7))
    assert (three.vdw_volume_nm3, three.molar_refractivity_cm3_mol) == (3 * cell.vdw_volume_nm3, 9.0)
    molecules = three.molecule_of_atom[three.bonds]
    assert (molecules[:, 0] == molecules[:, 1]).all()
    np.testing.assert_array_equal(three.bonds[-len(cell.bonds) :], cell.bonds + 2 * n)
    shift = three.positions_nm[2 * n :] - cell.positions_nm
    np.testing.assert_allclose(shift, np.tile([0.0, 0.0, 2 * cell.box_nm[2]], (n, 1)), atol=1e-12)


def test_every_term_and_setting_is_there_n_times(polyethylene_cell: Cell) -> None:
    one, three = (
        openmm.XmlSerializer.deserialize(cell.system_xml)
        for cell in (polyethylene_cell, repeated(polyethylene_cell, 3))
    )
    assert three.getNumParticles() == 3 * one.getNumParticles()
    assert three.getNumConstraints() == 3 * one.getNumConstraints()
    counts: dict[str, Callable[[object], int]] = {
        "bond": lambda force: force.getNumBonds(),
        "angle": lambda force: force.getNumAngles(),
        "torsion": lambda force: force.getNumTorsions(),
        "nonbonded": lambda force: force.getNumExceptions(),
    }
    for before, after in zip(one.getForces(), three.getForces(), strict=True):
        count = counts[before.getName()]
        assert count(after) == 3 * count(before)
        assert after.getForceGroup() == before.getForceGroup()
    edges = np.diag([vector.value_in_unit(unit.nanometer) for vector in three.getDefaultPeriodicBoxVectors()])
    np.testing.assert_allclose(edges, polyethylene_cell.box_nm * [1, 1, 3])


def test_a_grid_that_was_chosen_grows_with_the_box(polyethylene_cell: Cell) -> None:
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    next(f for f in system.getForces() if f.getName() == "nonbonded").setPMEParameters(3.0, 20, 24, 28)
    again = openmm.XmlSerializer.deserialize(repeated_system_xml(openmm.XmlSerializer.serialize(system), 2, 1))
    force = next(f for f in again.getForces() if f.getName() == "nonbonded")
    assert force.getPMEParameters()[1:] == [20, 48, 28]


def test_once_is_the_cell_itself(polyethylene_cell: Cell) -> None:
    assert repeated(polyethylene_cell, 1) is polyethylene_cell


def test_what_cannot_be_repeated_is_refused(polyethylene_cell: Cell) -> None:
    with pytest.raises(InvalidSettings, match="0 times"):
        repeated(polyethylene_cell, 0)
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    system.addForce(openmm.CustomExternalForce("z"))
    with pytest.raises(InvalidSettings, match="CustomExternalForce"):
        repeated(replace(polyethylene_cell, system_xml=openmm.XmlSerializer.serialize(system)), 2)
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    system.setParticleMass(5, 0.0)
    system.setVirtualSite(5, openmm.TwoParticleAverageSite(0, 4, 0.5, 0.5))
    with pytest.raises(InvalidSettings, match="virtual sites"):
        repeated_system_xml(openmm.XmlSerializer.serialize(system), 2)
    system = openmm.XmlSerializer.deserialize(polyethylene_cell.system_xml)
    next(f for f in system.getForces() if f.getName() == "nonbonded").addGlobalParameter("scale", 1.0)
    with pytest.raises(InvalidSettings, match="GlobalParameters"):
        repeated_system_xml(openmm.XmlSerializer.serialize(system), 2)
