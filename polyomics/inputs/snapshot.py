"""The end of a stage with all that another program needs to go on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from polyomics.cell.cell import Cell
from polyomics.errors import CorruptFile, FileNotThere, InvalidSettings, NoResults, UnknownName
from polyomics.files import MANIFEST_FILE, is_intact, read_json
from polyomics.inputs.parameters import chain_parameters
from polyomics.md.dynamics import Dynamics
from polyomics.md.state import PhaseState
from polyomics.spec import StudySpec

if TYPE_CHECKING:
    import openmm

    from polyomics.forcefield.parameterize import ParameterizedChain
    from polyomics.md.protocol import Nonbonded, Protocol
    from polyomics.md.stage import Stage

Array = NDArray[np.float64]

TIMESTEP_AFTER_MINIMISATION_FS = 2.0
FRICTION_AFTER_MINIMISATION_PER_PS = 1.0


@dataclass(frozen=True)
class Running:
    """How the stage went on at its end; another program goes on alike."""

    temperature_k: float
    pressure_bar: float | None
    """None: the volume was held."""
    timestep_fs: float
    friction_per_ps: float
    hydrogen_mass_amu: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A cell in one state, with the parameters of its chains."""

    key: str
    psmiles: str
    stage: str
    """Name of the stage at whose end this is."""
    cell: Cell
    state: PhaseState
    """Every molecule whole, with its centre in the box."""
    chain: ParameterizedChain
    nonbonded: Nonbonded
    running: Running
    notes: tuple[str, ...] = ()
    """What the files do not carry over."""

    @cached_property
    def masses_amu(self) -> Array:
        """Masses as the stage had them, hydrogens made heavier [amu], shape=(n_atoms,)."""
        from polyomics.md.masses import repartitioned_masses_amu

        return repartitioned_masses_amu(self.cell, self.running.hydrogen_mass_amu)

    def system(self) -> openmm.System:
        """Forces of the study with its cut-offs, masses of the stage, this box; no barostat."""
        import openmm

        from polyomics.md.engine import nonbonded_force
        from polyomics.md.pme import set_pme

        system = openmm.XmlSerializer.deserialize(self.cell.system_xml)
        set_pme(nonbonded_force(system), self.nonbonded, "Reference")
        system.setDefaultPeriodicBoxVectors(*np.diag(self.state.box_nm))
        for index, mass in enumerate(self.masses_amu):
            system.setParticleMass(index, mass)
        return system

    @cached_property
    def chain_structure(self) -> Any:
        """ParmEd structure of one chain with charges, and masses as the stage had them."""
        import parmed

        structure = self.chain.structure.copy(parmed.Structure)
        structure.combining_rule = "lorentz"
        for atom, charge, mass in zip(structure.atoms, self.chain.charges_e, self.masses_amu, strict=False):
            atom.charge, atom.mass = float(charge), float(mass)
        return structure


def take_snapshot(run_folder: Path, stage_name: str | None = None) -> Snapshot:
    """The end of a stage of a study.

    Args:
        run_folder: Folder of the study.
        stage_name: Which stage; by default the one that properties are measured on.

    Raises:
        FileNotThere: The folder is not on this machine.
        UnknownName: No such stage.
        NoResults: The stage is not finished.
        InvalidSettings: The stage ran another cell than that of the study.
        CorruptFile: A file is damaged.
        ParametersChanged: The force field gives other parameters now.
    """
    spec = _spec(run_folder)
    number = _number(spec.protocol, stage_name)
    stage = spec.protocol.stages[number - 1]
    cell = Cell.load(run_folder / "cell")
    state, manifest = _end_of(run_folder, spec.protocol, number)
    if len(state.positions_nm) != cell.n_atoms:
        raise InvalidSettings(
            f"stage {stage.name!r} ran {len(state.positions_nm):,} atoms, not the {cell.n_atoms:,} of the study's cell "
            "(a longer cell, or one with guests); choose another stage"
        )
    return Snapshot(
        key=spec.key,
        psmiles=spec.polymer.psmiles,
        stage=stage.name,
        cell=cell,
        state=replace(state, positions_nm=centred_in_box_nm(cell, state)),
        chain=chain_parameters(spec, cell),
        nonbonded=spec.protocol.nonbonded,
        running=_running(spec, stage, cell, state, manifest),
        notes=_notes(stage),
    )


def _spec(run_folder: Path) -> StudySpec:
    path = run_folder / "spec.json"
    if not path.is_file():
        raise FileNotThere(f"the run folder {run_folder} is not on this machine; its files are needed for inputs")
    try:
        return StudySpec.model_validate(read_json(path))
    except ValidationError as error:
        raise CorruptFile(f"{path} is not the spec of a study: {error.errors()[0]['msg']}") from error


def _number(protocol: Protocol, name: str | None) -> int:
    if name is None:
        return protocol.sample_index + 1
    names = [stage.name for stage in protocol.stages]
    if name not in names:
        raise UnknownName(f"the study has no stage {name!r} (it has {', '.join(names)})")
    return names.index(name) + 1


def _end_of(run_folder: Path, protocol: Protocol, number: int) -> tuple[PhaseState, dict[str, Any]]:
    from polyomics.md.runner import stage_folder

    folder = stage_folder(run_folder / "stages", protocol, number)
    path = folder / MANIFEST_FILE
    manifest: dict[str, Any] = read_json(path) if path.is_file() else {}
    segments = manifest.get("segments")
    if not segments or not manifest.get("done"):
        raise NoResults(
            f"stage {protocol.stages[number - 1].name!r} is not finished, so it has no end state; run the study on, or "
            "choose an earlier stage with --stage"
        )
    last = segments[-1]
    if not is_intact(folder / last["state"], last["files"][last["state"]]):
        raise CorruptFile(f"{folder / last['state']} is missing, or is not what the manifest says; run the study again")
    return PhaseState.load(folder / last["state"]), manifest


def _running(spec: StudySpec, stage: Stage, cell: Cell, state: PhaseState, manifest: dict[str, Any]) -> Running:
    if not isinstance(stage, Dynamics):
        at = spec.conditions
        return Running(
            at.temperature_k, at.pressure_bar, TIMESTEP_AFTER_MINIMISATION_FS, FRICTION_AFTER_MINIMISATION_PER_PS, 1.0
        )
    extension = len(manifest["segments"]) // stage.n_segments - 1
    controls = stage.controls_at(cell, state, 1.0, max(0, extension))
    return Running(
        temperature_k=state.temperature_k or controls.temperature_k,
        pressure_bar=controls.pressure_bar,
        timestep_fs=float(manifest["segments"][-1].get("timestep_fs", stage.timestep_fs)),
        friction_per_ps=stage.friction_per_ps,
        hydrogen_mass_amu=state.hydrogen_mass_amu or stage.hydrogen_mass_amu,
    )


def _notes(stage: Stage) -> tuple[str, ...]:
    """What of the stage the files leave out: forces, thermostats and barostats of its own."""
    if not isinstance(stage, Dynamics):
        return ()
    own = {
        "modify_system": "the stage changed the forces",
        "make_integrator": "the stage had an integrator of its own",
        "make_barostat": "the stage had a barostat of its own",
    }
    return tuple(
        f"{text}; the files have those of an ordinary run"
        for name, text in own.items()
        if getattr(type(stage), name) is not getattr(Dynamics, name)
    )


def centred_in_box_nm(cell: Cell, state: PhaseState) -> Array:
    """Positions with every molecule moved by whole edges, so that its centre is in the box [nm]."""
    counts = np.bincount(cell.molecule_of_atom)[:, None]
    centres = np.zeros((cell.n_molecules, 3))
    np.add.at(centres, cell.molecule_of_atom, state.positions_nm)
    shifts = np.floor(centres / counts / state.box_nm) * state.box_nm
    moved: Array = state.positions_nm - shifts[cell.molecule_of_atom]
    return moved
