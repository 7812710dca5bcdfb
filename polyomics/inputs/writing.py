"""All formats asked for into one new folder, with the energies to check them by."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.errors import InvalidSettings
from polyomics.files import write_json, writing_to
from polyomics.inputs.checking import Check, check
from polyomics.inputs.energies import energy_terms_kj_mol, program
from polyomics.inputs.format import FORMATS
from polyomics.inputs.snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from polyomics.inputs.format import InputFormat

ENERGIES_FILE = "energies.json"
README_FILE = "README.md"


@dataclass(frozen=True)
class WrittenInputs:
    """What was written, and how it was found."""

    folder: Path
    snapshot: Snapshot
    formats: tuple[str, ...]
    energies_kj_mol: dict[str, float]
    """Terms of the potential energy [kJ/mol]."""
    checks: tuple[Check, ...]
    """One a format and program; empty where no check was asked for."""

    def plain(self) -> dict[str, Any]:
        """What `energies.json` holds."""
        snapshot = self.snapshot
        return {
            "key": snapshot.key,
            "psmiles": snapshot.psmiles,
            "stage": snapshot.stage,
            "n_atoms": snapshot.cell.n_atoms,
            "box_nm": snapshot.state.box_nm.tolist(),
            "cutoff_nm": snapshot.nonbonded.cutoff_nm,
            "running": asdict(snapshot.running),
            "notes": list(snapshot.notes),
            "program": f"{program()}, Reference platform",
            "energies_kj_mol": self.energies_kj_mol,
            "checks": [one.plain() for one in self.checks],
        }


def write_inputs(
    run_folder: Path,
    folder: Path,
    formats: Sequence[str] = (),
    *,
    stage: str | None = None,
    with_check: bool = False,
) -> WrittenInputs:
    """Write a study's cell, as a stage left it, for other programs. The folder is whole or not there.

    Args:
        run_folder: Folder of the study.
        folder: Where to write; must not be there, or be empty.
        formats: Registered names; all by default.
        stage: Whose end; by default that of the stage properties are measured on.
        with_check: Also compute the energies with the programs that are on this machine.

    Raises:
        InvalidSettings: The folder holds something, or a format cannot represent the study.
        UnknownName: No such format or stage.
        UserError: Otherwise as `take_snapshot`.
    """
    chosen = {name: FORMATS[name]() for name in dict.fromkeys(formats or FORMATS.names())}
    _refuse_what_is_there(folder)
    snapshot = take_snapshot(run_folder, stage)
    if not formats:
        chosen = {name: one for name, one in chosen.items() if one.sums_dispersion or not snapshot.nonbonded.lj_pme}
    for one in chosen.values():
        one.refuse(snapshot)
    energies = energy_terms_kj_mol(snapshot.system(), snapshot.state.positions_nm)
    with writing_to(folder), _whole(folder) as made:
        for name, one in chosen.items():
            (made / name).mkdir()
            one.write(snapshot, made / name)
        checks = tuple(_checks(snapshot, made, chosen, energies)) if with_check else ()
        written = WrittenInputs(folder, snapshot, tuple(chosen), energies, checks)
        write_json(made / ENERGIES_FILE, written.plain())
        (made / README_FILE).write_text(_readme(snapshot, chosen), encoding="utf-8")
    return written


def _refuse_what_is_there(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidSettings(f"{folder} is there already and is not an empty folder; name a new one")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, which takes its place when the block ends well."""
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=parent))
    try:
        yield made
        made.chmod(0o755)
        made.replace(folder.absolute())
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _checks(
    snapshot: Snapshot, folder: Path, chosen: dict[str, InputFormat], energies: dict[str, float]
) -> Iterator[Check]:
    from polyomics.forcefield.tools import ToolError

    for name, one in chosen.items():
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for reading in one.readings(snapshot, folder / name, Path(scratch)):
                    yield check(name, energies, reading, snapshot.cell.n_atoms)
            except ToolError as error:
                yield Check(name, one.title, (), str(error))


def _readme(snapshot: Snapshot, chosen: dict[str, InputFormat]) -> str:
    running = snapshot.running
    held = "at constant volume" if running.pressure_bar is None else f"and {running.pressure_bar:g} bar"
    lines = [
        f"# {snapshot.psmiles}, study {snapshot.key}, end of stage {snapshot.stage}",
        "",
        f"{snapshot.cell.n_molecules} chains, {snapshot.cell.n_atoms:,} atoms. The run inputs go on at "
        f"{running.temperature_k:g} K {held} with steps of {running.timestep_fs:g} fs, cut-off "
        f"{snapshot.nonbonded.cutoff_nm:g} nm, tail correction, bonds to hydrogen rigid.",
        f"A hydrogen has a mass of {running.hydrogen_mass_amu:g} amu, taken from the atom it is bonded to: averages of "
        "positions are the same, and velocities go with these masses.",
        *(f"Note: {note}." for note in snapshot.notes),
        "",
        *(f"- {one.title}: `cd {name} && {one.how_to_run}`" for name, one in chosen.items()),
        "",
        f"`{ENERGIES_FILE}` has the energy of this point term by term; the inputs called `point` compute it elsewhere.",
    ]
    return "\n".join(lines) + "\n"
