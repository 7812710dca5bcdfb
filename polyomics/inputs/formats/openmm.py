"""OpenMM: the System with its barostat, the integrator and the state as XML, and a script that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polyomics.inputs.energies import energy_terms_kj_mol, program
from polyomics.inputs.format import FORMATS, InputFormat, Reading

if TYPE_CHECKING:
    import openmm

    from polyomics.inputs.snapshot import Snapshot

SCRIPT = "run_openmm.py.txt"
SEED = 1


@FORMATS.register("openmm")
class OpenMM(InputFormat):
    """The very forces that ran."""

    title: ClassVar[str] = "OpenMM"
    how_to_run: ClassVar[str] = "python run.py --ns 1"
    sums_dispersion: ClassVar[bool] = True

    def write(self, snapshot: Snapshot, folder: Path) -> None:
        """Write system.xml, integrator.xml, state.xml, cell.cif and run.py."""
        import openmm
        from openmm import app

        from polyomics.md.engine import langevin, make_barostat

        running = snapshot.running
        system = snapshot.system()
        if running.pressure_bar is not None:
            system.addForce(make_barostat(running.pressure_bar, running.temperature_k, SEED))
        integrator = langevin(running.temperature_k, running.friction_per_ps, running.timestep_fs, SEED)
        _write(folder / "system.xml", openmm.XmlSerializer.serialize(system))
        _write(folder / "integrator.xml", openmm.XmlSerializer.serialize(integrator))
        _write(folder / "state.xml", openmm.XmlSerializer.serialize(_state(snapshot, system, integrator)))
        with (folder / "cell.cif").open("w", encoding="ascii") as stream:
            app.PDBxFile.writeFile(_topology(snapshot), snapshot.state.positions_nm * 10.0, stream)
        _write(folder / "run.py", resources.files("polyomics.inputs").joinpath(SCRIPT).read_text(encoding="utf-8"))

    def readings(self, snapshot: Snapshot, folder: Path, scratch: Path) -> Iterator[Reading]:
        """The XML files, read again."""
        import openmm
        from openmm import unit

        system, state = (
            openmm.XmlSerializer.deserialize((folder / name).read_text(encoding="utf-8"))
            for name in ("system.xml", "state.xml")
        )
        system.setDefaultPeriodicBoxVectors(*state.getPeriodicBoxVectors())
        positions_nm = np.array(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
        yield Reading(f"{program()} reading its own XML", energy_terms_kj_mol(system, positions_nm))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _state(snapshot: Snapshot, system: openmm.System, integrator: openmm.Integrator) -> openmm.State:
    import openmm

    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))
    context.setPositions(snapshot.state.positions_nm)
    if snapshot.state.velocities_nm_ps is None:
        context.setVelocitiesToTemperature(snapshot.running.temperature_k, SEED)
    else:
        context.setVelocities(snapshot.state.velocities_nm_ps)
    return context.getState(positions=True, velocities=True, parameters=True)


def _topology(snapshot: Snapshot) -> Any:
    """One residue a chain, with names of atoms, elements and bonds."""
    from openmm import Vec3, app, unit

    cell, names = snapshot.cell, [atom.name for atom in snapshot.chain_structure.atoms]
    topology = app.Topology()
    residues = [topology.addResidue("POL", topology.addChain()) for _ in range(cell.n_molecules)]
    atoms = [
        topology.addAtom(
            names[index % len(names)],
            app.Element.getByAtomicNumber(int(number)),
            residues[int(cell.molecule_of_atom[index])],
        )
        for index, number in enumerate(cell.atomic_numbers)
    ]
    for one, other in cell.bonds:
        topology.addBond(atoms[one], atoms[other])
    topology.setUnitCellDimensions(Vec3(*snapshot.state.box_nm.tolist()) * unit.nanometer)
    return topology
